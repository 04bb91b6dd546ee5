"""Which velocities are searched: boxes around every motion an object may be near to without any cue.

At rest in the detector, at rest among the stars, and turning with the Earth as seen from the observer. Boxes that overlap
well are searched as one; no velocity is searched twice. An object that does not leave its own place is not searched for:
among the stars nothing would tell it from one, in a stare nothing from the detector's own pattern.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensorproc.conventions import EARTH_RATE_RAD_S
from sensorproc.onboard.detector.pattern_noise import pattern_sigma
from sensorproc.onboard.detector.projection import LEAST_KEPT, kept_variance
from sensorproc.onboard.products import Candidate
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.stage import stage

REST_PX = 2.5  # An object that moves less over the set [PSF sigmas] stands still.
SLOW_SIGMAS = 10.0  # A track that moves less over the set [PSF widths] stays over the remains of one star.
N_GAINS = 64  # Speeds for which the loss to a solved pattern is computed; between them it is interpolated.
NEAR_RING_KM = 35_000.0, 50_000.0  # At such distances from the Earth an observer turns with the geostationary ring.


@dataclass(frozen=True)
class Centre:
    """A velocity in the registered plane [px/frame] around which to search, and why."""

    name: str
    vx_px_frame: float
    vy_px_frame: float


@dataclass(frozen=True)
class Box:
    """Velocities within ``half`` [px/frame] on both axes of any of the ``centres``, but of none that is ``searched`` before."""

    centres: tuple[Centre, ...]
    half: float
    searched: tuple[Centre, ...] = ()

    @property
    def middle(self) -> np.ndarray:
        """Velocity (2,) in the middle of all."""
        return 0.5 * (_rates(self.centres).min(axis=0) + _rates(self.centres).max(axis=0))

    def grid(self, step: float) -> tuple[np.ndarray, np.ndarray]:
        """Velocities in x and in y, less the middle's, that cover the box."""
        reach = self.half + 0.5 * np.ptp(_rates(self.centres), axis=0)
        nx, ny = (int(np.ceil(r / step - 1e-9)) for r in reach)
        return np.arange(-nx, nx + 1) * step, np.arange(-ny, ny + 1) * step

    def wanted(self, stack: Stack, step: float) -> np.ndarray:
        """Which velocities (n_vy, n_vx) uint8 of the grid are searched."""
        x, y = self.grid(step)
        vx, vy = np.meshgrid(self.middle[0] + x, self.middle[1] + y)
        slack = self.half + 0.5 * step
        inside, before = (
            np.any([(abs(vx - c.vx_px_frame) <= slack) & (abs(vy - c.vy_px_frame) <= slack) for c in near], axis=0)
            if near else np.zeros(vx.shape, bool)
            for near in (self.centres, self.searched)
        )  # fmt: skip
        least = least_motion_px(stack) / span(stack)
        for c in at_rest(stack):
            inside &= np.hypot(vx - c.vx_px_frame, vy - c.vy_px_frame) > least
        return (inside & ~before).astype(np.uint8)

    def name(self, vx: float, vy: float) -> str:
        """Of the centre nearest to a velocity."""
        return min(self.centres, key=lambda c: np.hypot(vx - c.vx_px_frame, vy - c.vy_px_frame)).name


@stage(bytes_px=0)
def boxes(stack: Stack, cadence_s: float, half: float) -> list[Box]:
    """Boxes around all centres. A centre within ``half`` of one of a box, on both axes, joins it.

    Where the stars sweep by faster than that, their rest has no box: an object there is trailed as they are, and what is left
    of them is all that such a search finds.
    """
    found: list[Box] = []
    for new in (detector_rest(stack), *co_rotating(stack, cadence_s), Centre("stars", 0.0, 0.0)):
        host = next((k for k, box in enumerate(found) if _is_near(new, box)), None)
        if host is None and new.name == "stars":
            continue
        if host is None:
            found.append(Box((new,), half, tuple(c for box in found for c in box.centres)))
        else:
            found[host] = Box((*found[host].centres, new), half, found[host].searched)
    return found


def velocity_area(stack: Stack, found: Sequence[Box], step: float) -> float:
    """Searched velocities [px^2/frame^2]."""
    return float(sum(int(box.wanted(stack, step).sum()) for box in found)) * step * step


def least_motion_px(stack: Stack) -> float:
    """Motion over the set [px] below which an object is not told from what stands still; where the pattern was solved from the
    set's own frames, below which too little of it is left."""
    scales, s = stack.pattern_scales, stack.psf_sigma_px
    if scales is None or span(stack) <= 0:
        return REST_PX * s
    trails = np.tile([0.0, 1.0, 0.0], (len(scales), 1))
    for moved_px in np.arange(0.5, REST_PX, 0.1) * s:
        path = np.stack([stack.times * moved_px / span(stack), np.zeros(len(scales))], axis=1)
        if kept_variance(path, trails, scales, s, stack.pattern_prior) >= LEAST_KEPT:
            return float(moved_px)
    return REST_PX * s


def search_gain(stack: Stack, vx: np.ndarray, vy: np.ndarray) -> np.ndarray:
    """Factor, of the shape of the velocities [px/frame], by which sums over the set have too small a deviation: one where the
    pattern was not solved from the set's own frames."""
    scales = stack.pattern_scales
    if scales is None:
        return np.ones(np.shape(vx), np.float32)
    rest = detector_rest(stack)
    speed = np.hypot(vx - rest.vx_px_frame, vy - rest.vy_px_frame)
    table = np.linspace(0.0, float(speed.max(initial=0.0)) + 1e-9, N_GAINS)
    kept = []
    for rate in table:
        trails = np.tile([rate * stack.exposure_fraction, 1.0, 0.0], (len(scales), 1))
        path = np.stack([stack.times * rate, np.zeros(len(scales))], axis=1)
        kept.append(max(kept_variance(path, trails, scales, stack.psf_sigma_px, stack.pattern_prior), LEAST_KEPT))
    return np.asarray(1.0 / np.sqrt(np.interp(speed, table, kept)), np.float32)


def calibration_loss_db(stack: Stack) -> float:
    """SNR [dB] that an object of one pixel a frame over the detector loses to what is not known of the detector: to a pattern
    that was solved from the set's own frames, and to noise that is the same in all of them."""
    n, s, scales = len(stack.times), stack.psf_sigma_px, stack.pattern_scales
    path = np.stack([stack.times, np.zeros(n)], axis=1)
    trails = np.tile([stack.exposure_fraction, 1.0, 0.0], (n, 1))
    kept = 1.0 if scales is None else max(kept_variance(path, trails, scales, s, stack.pattern_prior), LEAST_KEPT)
    return float(20.0 * np.log10(pattern_sigma(path, s, stack.rest_sigma)) - 10.0 * np.log10(kept))


def is_slow(stack: Stack, c: Candidate) -> bool:
    """Whether a candidate moves so little among the stars that one star's remains could carry it; a mover has been seen to."""
    return c.origin != "mover" and float(np.hypot(c.vx_px_frame, c.vy_px_frame)) * span(stack) < SLOW_SIGMAS * stack.psf_sigma_px


def span(stack: Stack) -> float:
    """Time between the first and the last frame [cadences]."""
    return float(stack.times.max() - stack.times.min())


def at_rest(stack: Stack) -> list[Centre]:
    """Velocities at which nothing is searched: the stars' and, in a stare, the detector's."""
    stars = Centre("stars", 0.0, 0.0)
    return [stars, detector_rest(stack)] if stack.registrations[0].is_stare else [stars]


def detector_rest(stack: Stack) -> Centre:
    """Velocity at the middle of the field of an object at rest in the detector."""
    ny, nx = stack.image_e.shape[1:]
    places = np.array([r.transform.to_registered((nx - 1) / 2, (ny - 1) / 2) for r in stack.registrations])
    t = stack.times - stack.times.mean()
    spread = float((t * t).sum())
    vx, vy = (t[:, None] * places).sum(axis=0) / spread if spread > 0 else (0.0, 0.0)
    return Centre("detector", float(vx), float(vy))


def co_rotating(stack: Stack, cadence_s: float) -> list[Centre]:
    """Velocity of a line of sight that turns with the Earth: any geostationary object seen from geostationary orbit."""
    reference = int(np.argmin(np.abs(stack.times)))
    solution, observer = stack.frames[reference].solution, stack.facts.observer
    camera = solution.camera
    if camera is None or observer is None:
        return []
    radius = float(np.sqrt((np.array(observer.position_km) ** 2).sum()))
    if not NEAR_RING_KM[0] < radius < NEAR_RING_KM[1]:
        return []
    los = camera.los_icrs(np.float64(camera.x0_px), np.float64(camera.y0_px))
    turned = los + np.cross([0.0, 0.0, EARTH_RATE_RAD_S], los)
    x, y = camera.pixel(turned / np.sqrt((turned * turned).sum()))
    return [Centre("co-rotating", float(x - camera.x0_px) * cadence_s, float(y - camera.y0_px) * cadence_s)]


def _rates(centres: Sequence[Centre]) -> np.ndarray:
    return np.array([[c.vx_px_frame, c.vy_px_frame] for c in centres])


def _is_near(new: Centre, box: Box) -> bool:
    apart = np.abs(_rates(box.centres) - _rates([new]))
    return bool((apart.max(axis=1) <= box.half).any())
