"""The light of targets is added to the recorded pixels, with its own photon noise; everything else stays as it is."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from firmware_sim.injection.real_sky import RealSky, electrons_of, look, noise_dn, place_of
from firmware_sim.injection.settings import Injection, Placed
from firmware_sim.scene.camera.optics import point_noise_e
from firmware_sim.scene.camera.radiation import STEP_PX
from firmware_sim.scene.camera.readout import MOST_DN
from firmware_sim.scene.kernels.deposit import deposit
from firmware_sim.scene.objects.drawn import TRIES
from firmware_sim.scene.truth import EDGE_PX
from sensorproc.recording import Entry, Recording
from sensorproc.recording.fits import header_of
from sensorproc.recording.open import frames_folder
from sensorproc.recording.sidecar import BAD_PIXELS, STAR_TABLES, beside
from sensorproc.recording.writer import write_frame
from sensorproc.timescales import NS_PER_S, utc_from_tai_ns

Progress = Callable[[str, int, int], None]
AROUND_PX = 15  # half-width of the surroundings whose noise a target's SNR counts against
REACH = 6.0  # of a target's image, in sigmas
TEXT_CARDS = ("COMMENT", "HISTORY", "")


def inject(
    recording: Recording, injection: Injection, out: Path, progress: Progress = lambda stage, done, total: None
) -> list[str]:
    """Write the recording with its targets to a new folder: frames, what lay beside them, ``truth.json``. Returns remarks.

    Raises
    ------
    InputError
        If a frame cannot be read, or stars are needed to move with and cannot be matched.
    """
    rng = np.random.default_rng([injection.seed, 7])
    sky, remarks = look(recording, injection)
    targets = [*injection.target, *drawn(injection, sky, rng)]
    (out / "frames").mkdir(parents=True)
    truth = []
    for k, (entry, frame) in enumerate(zip(recording.entries, sky.frames, strict=True)):
        progress("frame", k, len(sky.frames))
        data, rows = with_targets(k, targets, sky, rng)
        name = f"{Path(frame.source).name.split('.')[0]}_{k:04d}.fits"
        write_frame(out / "frames" / name, replace(frame, data_dn=data), cards=_cards(entry, injection, len(targets)))
        start = frame.t_mid_tai_ns - round(0.5 * frame.exposure_s * NS_PER_S)
        ends = (utc_from_tai_ns(t) for t in (start, start + round(frame.exposure_s * NS_PER_S)))
        truth.append({"index": k, "file": name} | dict(zip(("t_start_utc", "t_end_utc"), ends, strict=True)) | {"targets": rows})
    progress("frame", len(sky.frames), len(sky.frames))
    _copy_beside(recording.path, out)
    about = {
        "form": "injected targets only; snr against the noise of the real pixels around each, from frame to frame",
        "n_injected": len(targets),
        "exposure_s": sky.frames[0].exposure_s,
        "cadence_s": sky.cadence_s,
        "seed": injection.seed,
    }
    (out / "truth.json").write_text(json.dumps(about | {"frames": truth}, indent=1) + "\n", "utf-8")
    return remarks


def drawn(injection: Injection, sky: RealSky, rng: np.random.Generator) -> list[Placed]:
    """Targets of the wanted SNR at random places, apart from one another as far as there is room."""
    ny, nx = np.min([frame.data_dn.shape for frame in sky.frames], axis=0)
    point_noise = point_noise_e(sky.sigma_px, sky.noise_e**2)
    found: list[Placed] = []
    for group in injection.drawn:
        for _ in range(group.n):
            for _ in range(TRIES):
                x, y = float(rng.uniform(EDGE_PX, nx - EDGE_PX)), float(rng.uniform(EDGE_PX, ny - EDGE_PX))
                if all(math.hypot(x - t.x_px, y - t.y_px) >= group.apart_px for t in found):
                    break
            speed, turn = float(rng.uniform(*group.rate_px_frame)), float(rng.uniform(0, 2 * np.pi))
            electrons = float(rng.uniform(*group.set_snr)) / math.sqrt(len(sky.frames)) * point_noise
            rate = (speed * math.cos(turn), speed * math.sin(turn))
            found.append(Placed(f"drawn {len(found)}", x, y, rate, group.relative_to, electrons))
    return found


def with_targets(
    k: int, targets: list[Placed], sky: RealSky, rng: np.random.Generator
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Pixels (ny, nx) uint16 of a frame with the light of all targets, and their truth rows."""
    frame = sky.frames[k]
    light = np.zeros(frame.data_dn.shape)
    rows = []
    for number, target in enumerate(targets):
        middle, trail = place_of(target, sky, k)
        electrons = electrons_of(target, frame)
        _add(light, middle, trail, electrons, sky.sigma_px)
        rows += _row(number, target, middle, trail, electrons, sky, k)
    added = rng.poisson(light) / sky.gain_e_per_dn
    whole = np.floor(added + rng.random(added.shape))  # the fraction of a DN by chance: rounding would swallow faint light
    facts = frame.facts
    full = facts.full_well_e / sky.gain_e_per_dn + (facts.bias_dn or 0.0) if facts.full_well_e else MOST_DN
    most = np.maximum(min(full, MOST_DN), frame.data_dn)
    return np.minimum(frame.data_dn + whole, most).astype(np.uint16), rows


def _row(
    number: int, target: Placed, middle: np.ndarray, trail: np.ndarray, electrons: float, sky: RealSky, k: int
) -> list[dict[str, Any]]:
    """Truth of one target in one frame; none where it is off the detector."""
    frame = sky.frames[k]
    ny, nx = frame.data_dn.shape
    x, y = (float(v) for v in middle)
    if not (0 <= x <= nx - 1 and 0 <= y <= ny - 1):
        return []
    (x0, y0), (x1, y1) = (middle - trail / 2).tolist(), (middle + trail / 2).tolist()
    is_edge = min(x0, x1, y0, y1) < EDGE_PX or max(x0, x1) > nx - 1 - EDGE_PX or max(y0, y1) > ny - 1 - EDGE_PX
    i, j = round(x), round(y)
    around = slice(max(j - AROUND_PX, 0), j + AROUND_PX + 1), slice(max(i - AROUND_PX, 0), i + AROUND_PX + 1)
    near = frame.flags[max(j - 2, 0) : j + 3, max(i - 2, 0) : i + 3]
    is_dead = bool((near != 0).mean() > 0.5)
    flags = [name for name, holds in (("edge", is_edge), ("dead", is_dead)) if holds]
    snr = _unit_snr(sky.sigma_px, trail) * electrons / (noise_dn(sky.frames, k, around) * sky.gain_e_per_dn)
    return [{"id": number, "name": target.name, "x": x, "y": y, "x0": x0, "y0": y0, "x1": x1, "y1": y1,
             "streak_px": float(np.hypot(*trail)), "electrons": electrons, "snr": snr, "flags": flags}
            | ({"mag": target.mag} if target.mag is not None else {})]  # fmt: skip


def _unit_snr(sigma_px: float, trail: np.ndarray) -> float:
    """SNR of one electron's image against pixels of unit noise: the root of its summed squares."""
    size = 2 * math.ceil(REACH * sigma_px + 0.5 * float(np.hypot(*trail))) + 1
    patch = np.zeros((size, size))
    _add(patch, np.full(2, (size - 1) / 2), trail, 1.0, sigma_px)
    return float(np.sqrt((patch**2).sum()))


def _add(light: np.ndarray, middle: np.ndarray, trail: np.ndarray, electrons: float, sigma_px: float) -> None:
    """Add a source trailed evenly about its middle."""
    n = max(math.ceil(float(np.hypot(*trail)) / STEP_PX), 1)
    path = np.ascontiguousarray(middle + ((np.arange(n) + 0.5) / n - 0.5)[:, None] * trail)
    deposit(light, path, np.full(n, electrons / n), np.full(n, sigma_px))


def _cards(entry: Entry, injection: Injection, n_targets: int) -> dict[str, Any]:
    """The frame's own header, if it had one, and what was done to it."""
    header = header_of(entry)
    own = {card.keyword: card.value for card in header.cards if card.keyword not in TEXT_CARDS} if header else {}
    return own | {"DATAMODE": injection.data_mode, "INJECTED": n_targets}


def _copy_beside(path: Path, out: Path) -> None:
    """Star table and bad pixels, if they lay beside the frames."""
    for name in (*STAR_TABLES, *BAD_PIXELS):
        found = beside(frames_folder(path), name)
        if found:
            shutil.copyfile(found, out / name)
