"""Find moving objects too faint for one frame: velocity shift-and-add around every centre that needs no cue.

Centres are the only prior: at rest in the detector, at rest among the stars, and co-rotating with the Earth as seen
from the observer. Around each a box of velocities is summed on matched-filtered images; the trail of a hypothesis is
bound to its velocity. Where a residual of a star or of the detector itself would stand, nothing is searched.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from sensorproc.config import Search
from sensorproc.conventions import EARTH_RATE_RAD_S
from sensorproc.onboard.false_alarms import FalseAlarms
from sensorproc.onboard.kernels.peaks import local_maxima
from sensorproc.onboard.kernels.shift_add import climb, shift_add
from sensorproc.onboard.match import match
from sensorproc.onboard.products import Candidate, Trail
from sensorproc.onboard.threads import each, in_rows
from sensorproc.onboard.tracks import Stack
from sensorproc.theory import search_curvatures

LEVELS_PER_SIGMA = 16  # int8 quantisation of filtered images: 0.006 dB
REST_PX = 2.5  # displacement over the set, in PSF sigmas, below which an object stands still


@dataclass(frozen=True)
class Centre:
    """A velocity in the registered plane [px/frame] around which to search, and why."""

    name: str
    vx_px_frame: float
    vy_px_frame: float


def centres(frames: Stack, cadence_s: float, box: float) -> list[Centre]:
    """Distinct centres; one within half a box of an earlier one adds nothing."""
    wanted = [detector_rest(frames), Centre("stars", 0.0, 0.0), *co_rotating(frames, cadence_s)]
    kept: list[Centre] = []
    for new in wanted:
        far = all(np.hypot(new.vx_px_frame - c.vx_px_frame, new.vy_px_frame - c.vy_px_frame) > box / 2 for c in kept)
        if far and (new.name != "stars" or frames.registered[0].is_stare):
            kept.append(new)
    return kept


def detector_rest(frames: Stack) -> Centre:
    """Velocity at the middle of the field of an object at rest in the detector."""
    ny, nx = frames.image_e.shape[1:]
    places = np.array([r.transform.to_registered((nx - 1) / 2, (ny - 1) / 2) for r in frames.registered])
    t = frames.times - frames.times.mean()
    spread = float((t * t).sum())
    vx, vy = (t[:, None] * places).sum(axis=0) / spread if spread > 0 else (0.0, 0.0)
    return Centre("detector", float(vx), float(vy))


def co_rotating(frames: Stack, cadence_s: float) -> list[Centre]:
    """Velocity of a line of sight that turns with the Earth: any geostationary object seen from geostationary orbit."""
    reference = int(np.argmin(np.abs(frames.times)))
    camera, observer = frames.frames[reference].solved.camera, frames.registered[0].flattened.calibrated.frame.observer
    if camera is None or observer is None:
        return []
    radius = float(np.sqrt((np.array(observer.position_km) ** 2).sum()))
    if not 35_000.0 < radius < 50_000.0:  # only an observer near the geostationary ring co-rotates with it
        return []
    los = camera.los_icrs(np.float64(camera.x0_px), np.float64(camera.y0_px))
    turned = los + np.cross([0.0, 0.0, EARTH_RATE_RAD_S], los)
    x, y = camera.pixel(turned / np.sqrt((turned * turned).sum()))
    return [Centre("co-rotating", float(x - camera.x0_px) * cadence_s, float(y - camera.y0_px) * cadence_s)]


def false_alarms(frames: Stack, n_centres: int, config: Search, skewness: float) -> FalseAlarms:
    """By theory, for the unmasked area and the boxes around all centres."""
    area = float(np.mean([(w > 0).sum() for w in frames.weight]))
    s = frames.psf_sigma_px
    curvatures = max(n_centres, 1) * search_curvatures(max(area, 1.0), s, frames.times.tolist(), config.box_px_frame)
    return FalseAlarms(curvatures, skewness)


def search(frames: Stack, centre: Centre, config: Search, clip_snr: float, lowest_snr: float) -> tuple[list[Candidate], int]:
    """Candidates around one centre above ``lowest_snr``, strongest first, and the number of velocities summed.

    Coarse to fine: the grid's best sums, which may miss an object by a good part of its SNR, are walked uphill between the
    grid's points; what then stays below ``lowest_snr`` is not worth a fit on the pixels.
    """
    t = frames.times
    span = float(t.max() - t.min())
    if span <= 0:
        return [], 0
    step = config.max_smear_px / span
    n_side = int(np.ceil(config.box_px_frame / step))
    grid = np.arange(-n_side, n_side + 1) * step
    shifts = np.rint(2.0 * grid[:, None] * t[None, :]).astype(np.int64)
    margin = int(np.abs(shifts).max()) // 2 + 1
    phases = _phases(frames, centre, clip_snr, margin)
    wanted = _wanted(frames, centre, grid, span)
    ny, nx = frames.image_e.shape[1:]
    scale = LEVELS_PER_SIGMA * float(np.sqrt(len(t)))
    best, index = np.empty((ny, nx), np.int16), np.empty((ny, nx), np.int32)
    lowest = int((lowest_snr - config.grid_margin) * scale)
    in_rows(ny, lambda a, b: shift_add(phases, shifts, shifts, wanted, margin, lowest, a, b, best, index))
    found = np.empty((8 * config.max_candidates, 2), np.int64)
    count = min(local_maxima(best.astype(np.float32), float(lowest), 2, found), len(found))
    y, x = found[:count, 0], found[:count, 1]
    order = np.lexsort((x, y, -best[y, x].astype(int)))[: 4 * config.max_candidates]
    iy, ix = np.divmod(index[y[order], x[order]], len(grid))
    seeds = np.stack([x[order], y[order], grid[ix], grid[iy]], axis=1).astype(float)
    sums = np.empty(len(seeds))
    climb(phases, t, margin, seeds, sums, 0.5, 0.5 * step)
    snr = sums / scale
    good = [i for i in np.lexsort((seeds[:, 0], seeds[:, 1], -snr)) if snr[i] >= lowest_snr][: config.max_candidates]
    rate = np.array([centre.vx_px_frame, centre.vy_px_frame])
    candidates = [Candidate.at(seeds[i, :2], rate + seeds[i, 2:], float(snr[i]), centre.name) for i in good]
    return candidates, int(wanted.sum())


def _phases(frames: Stack, centre: Centre, clip_snr: float, margin: int) -> np.ndarray:
    """Filtered images resampled so that an object at the centre's velocity stands still: (2, 2, n, ny, nx) int8 with a
    ``margin`` of zeros all around, displaced by half a pixel in y and x."""
    n, ny, nx = frames.image_e.shape
    phases = np.zeros((2, 2, n, ny + 2 * margin, nx + 2 * margin), np.int8)
    trails = frames.trails(centre.vx_px_frame, centre.vy_px_frame)
    inner = np.s_[margin : margin + ny], np.s_[margin : margin + nx]

    def fill(k: int) -> None:
        length, cos, sin = trails[k]
        snr = match(frames.frames[k], Trail(length * cos, length * sin), clip_snr) * np.float32(LEVELS_PER_SIGMA)
        x, y = centre.vx_px_frame * frames.times[k], centre.vy_px_frame * frames.times[k]
        for py in (0, 1):
            for px in (0, 1):
                move = np.array([[1.0, 0.0, x + 0.5 * px], [0.0, 1.0, y + 0.5 * py], [0.0, 0.0, 1.0]])
                to_detector = np.einsum("ij,jk->ik", np.array(frames.registered[k].transform.inverse), move)
                moved = cv2.warpPerspective(snr, to_detector, (nx, ny), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
                phases[py, px, k][inner] = np.clip(np.rint(moved), -127, 127)

    each(fill, range(n))
    return phases


def _wanted(frames: Stack, centre: Centre, grid: np.ndarray, span: float) -> np.ndarray:
    """Velocities at which an object leaves its own place: against the stars and, in a stare, against the detector."""
    vx, vy = np.meshgrid(centre.vx_px_frame + grid, centre.vy_px_frame + grid)
    least = REST_PX * frames.psf_sigma_px / span
    wanted = np.hypot(vx, vy) > least
    if frames.registered[0].is_stare:
        rest = detector_rest(frames)
        wanted &= np.hypot(vx - rest.vx_px_frame, vy - rest.vy_px_frame) > least
    return wanted.astype(np.uint8)
