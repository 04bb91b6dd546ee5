"""``sensorproc doctor``: is this machine ready?"""

from sensorproc.verbs.console import emit_json


def doctor(*, json: bool = False) -> int:
    """Check libraries, the kernel cache, leap seconds, the star table and the compiled chain on a tiny frame set.

    Parameters
    ----------
    json
        print as JSON.
    """
    checks = [_libraries(), _cache(), _leap_seconds(), _star_table(), _chain()]
    if json:
        emit_json({name: {"ok": ok, "detail": detail} for name, ok, detail in checks})
    else:
        for name, ok, detail in checks:
            print(f"{'ok  ' if ok else 'FAIL'} {name}: {detail}")
    return 0 if all(ok for _, ok, _ in checks) else 1


def _libraries() -> tuple[str, bool, str]:
    from sensorproc.run_folder.facts import LIBRARIES, library_version

    versions = {name: library_version(name) for name in LIBRARIES}
    text = ", ".join(f"{name} {found}" for name, found in versions.items())
    return "libraries", "absent" not in versions.values(), text


def _cache() -> tuple[str, bool, str]:
    import os
    from pathlib import Path

    from sensorproc.onboard import kernels
    from sensorproc.run_folder.private import KERNEL_CACHE, prepare_kernel_cache

    remark = prepare_kernel_cache(Path(kernels.__path__[0]))
    return "kernel cache", not remark, remark or os.environ.get(KERNEL_CACHE, "the package's own or the user's")


def _leap_seconds() -> tuple[str, bool, str]:
    from datetime import UTC, datetime

    from sensorproc.errors import InputError
    from sensorproc.timescales import LEAP_SECONDS_KNOWN_UNTIL, doubt_of, tai_ns_from_utc

    try:
        doubt = doubt_of(tai_ns_from_utc(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")))
    except InputError as error:
        return "leap seconds", False, f"the machine's clock: {error}"
    return "leap seconds", not doubt, doubt or f"known up to {LEAP_SECONDS_KNOWN_UNTIL.isoformat()}"


def _star_table() -> tuple[str, bool, str]:
    from sensorproc.catalog.stars import shipped
    from sensorproc.errors import InputError

    try:
        table = shipped()
    except (InputError, OSError) as error:
        return "star table", False, str(error)
    damaged = table.damaged_cells()
    return "star table", not damaged, f"{table.header.n_stars} stars, {len(damaged)} damaged cells"


def _chain() -> tuple[str, bool, str]:
    import numpy as np

    from sensorproc.config import Config
    from sensorproc.onboard.pipeline import process_set
    from sensorproc.onboard.state import PayloadState
    from sensorproc.recording.pixels import make_frame

    yy, xx = np.mgrid[0:128, 0:128]
    noise = np.random.default_rng(1)
    stars = noise.uniform(8, 120, (40, 2))
    frames = []
    for k in range(6):
        image = noise.normal(500.0, 5.0, (128, 128))
        for x, y in [*stars, (40.0 + 4 * k, 60.0 + 2 * k)]:
            image += 1200.0 / (2 * np.pi) * np.exp(-0.5 * ((xx - x) ** 2 + (yy - y) ** 2))
        frames.append(make_frame(image.astype(np.uint16), "doctor", (k + 1) * 10**18 // 10**9 * 10**9, 0.5))
    processed, _ = process_set(frames, PayloadState(), None, Config())
    found = len(processed.tracklets)
    return "chain", found == 1, f"{found} of 1 moving object found in a made-up set"
