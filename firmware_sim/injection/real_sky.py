"""What injection must know of the real frames: their noise, their PSF, how the stars move, and where targets then are."""

from dataclasses import dataclass

import numpy as np

from firmware_sim.injection.settings import Injection, Placed
from firmware_sim.injection.stars import robust_sigma, star_fwhm_px, star_shifts, temporal_sigma
from sensorproc.conventions import FWHM_PER_SIGMA
from sensorproc.errors import InputError
from sensorproc.frames import Frame
from sensorproc.recording import Recording
from sensorproc.timescales import NS_PER_S

SPARSE = 16  # pixels between those that tell whether a frame came twice


@dataclass(frozen=True, eq=False)
class RealSky:
    """What injection must know of the real frames. ``noise_e``: of a pixel, median; ``shifts`` (n, 2): of the stars
    since the first frame [px], zero if no target moves with them; ``times`` (n,): in cadences from the first frame."""

    frames: list[Frame]
    gain_e_per_dn: float
    noise_e: float
    sigma_px: float
    shifts: np.ndarray
    times: np.ndarray
    cadence_s: float


def look(recording: Recording, injection: Injection) -> tuple[RealSky, list[str]]:
    """Measure what injection needs of the real frames, and say what had to be assumed."""
    frames = [entry.frame(k) for k, entry in enumerate(recording.entries)]
    if any(frame.data_dn.dtype != np.uint16 for frame in frames):
        raise InputError(f"{recording.path}: pixels are not raw 16-bit numbers: light can only be added to those")
    gain = frames[0].facts.gain_e_per_dn
    remarks = (
        [] if gain else ["the recording lacks its gain: electrons are taken as DN, and the targets' photon noise is a guess"]
    )
    fwhm = injection.fwhm_px or star_fwhm_px(frames)
    remarks.append(f"targets are {fwhm:.2f} px wide (FWHM), as " + ("given" if injection.fwhm_px else "the stars are"))
    moves_with_stars = "stars" in {t.relative_to for t in injection.target} | {d.relative_to for d in injection.drawn}
    shifts = star_shifts(frames) if moves_with_stars else np.zeros((len(frames), 2))
    cadence_s = recording.cadence_s or frames[0].exposure_s or 1.0
    mids = np.array([frame.t_mid_tai_ns for frame in frames], np.int64)
    times = (mids - mids[0]) / (cadence_s * NS_PER_S)
    noise = float(np.median([noise_dn(frames, k) for k in range(len(frames))])) * (gain or 1.0)
    return RealSky(frames, gain or 1.0, noise, fwhm / FWHM_PER_SIGMA, shifts, times, cadence_s), remarks


def place_of(target: Placed, sky: RealSky, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Middle of the exposure (2,) and trail (2,) [px] of a target in a frame."""
    rate = np.array(target.rate_px_frame)
    share = sky.frames[k].exposure_s / sky.cadence_s
    middle = np.array([target.x_px, target.y_px]) + rate * sky.times[k]
    if target.relative_to == "detector":
        return middle, rate * share
    is_timed = len(sky.times) > 1 and bool((np.diff(sky.times) > 0).all())
    drift = np.gradient(sky.shifts, sky.times, axis=0)[k] if is_timed else np.zeros(2)
    return middle + sky.shifts[k], (rate + drift) * share


def electrons_of(target: Placed, frame: Frame) -> float:
    """Light of a target in a frame."""
    if target.electrons is not None:
        return target.electrons
    zero = frame.facts.zeropoint_mag
    if zero is None or target.mag is None:
        raise InputError(f"target {target.name!r}: the recording has no photometric zero point; give electrons instead of mag")
    return 10.0 ** (-0.4 * (target.mag - zero)) * frame.exposure_s


def noise_dn(frames: list[Frame], k: int, part: tuple[slice, slice] = (slice(None), slice(None))) -> float:
    """Noise of a frame or a part of it: against the nearest frame in time that is another, or among its own pixels."""
    for j in sorted(range(len(frames)), key=lambda j: (abs(j - k), j)):
        if j != k and not np.array_equal(frames[j].data_dn[::SPARSE, ::SPARSE], frames[k].data_dn[::SPARSE, ::SPARSE]):
            return temporal_sigma(frames[k].data_dn[part], frames[j].data_dn[part])
    return robust_sigma(frames[k].data_dn[part])
