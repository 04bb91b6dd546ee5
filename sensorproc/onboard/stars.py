"""Take the stars out: everything that stands still in the registered plane is modelled by its median over the set.

No PSF model is needed, so trails, coma and defocus subtract as well as points; the price is that of a median
template (:func:`sensorproc.theory.median_template_loss`), and objects slower than the PSF width per set go with the
stars. Bright ones among them are kept: a star whose own centroids move in a line is handed on as a candidate and
left out of the template.
"""

import cv2
import numpy as np
from scipy.special import ndtri

from sensorproc.config import Flatten, Match, Stars
from sensorproc.flags import PixelFlag
from sensorproc.onboard.find_stars import correlate, template
from sensorproc.onboard.flatten import background_maps, mesh
from sensorproc.onboard.kernels.line_medians import line_medians
from sensorproc.onboard.kernels.sharpness import flag_sharp
from sensorproc.onboard.kernels.temporal_median import temporal_median
from sensorproc.onboard.products import Candidate, Residual, Solved, Trail, freeze

MEDIAN_NOISE = 1.57  # variance of a median over that of a mean, large n
SCATTER_EXCESS = 2.5  # spread over expected noise above which the template is not trusted
STAR_FREE_SIGMA = 1.0
RESOLVED_SIGMA_PX = 1.2  # PSFs wider than this are told from compact particle hits by a second, narrower filter
MIN_LINE_PX = 64  # good pixels a row or column needs before its own level is trusted
PART_PX, MIN_PART_PX = 64, 24  # parts of a line whose levels must agree, and good pixels each needs
BROKEN_LINE = 4.0  # times the usual difference between parts: the line has no one level


def subtract_stars(
    frames: list[Solved], movers: list[Candidate], config: Stars, match: Match, flatten: Flatten
) -> list[Residual]:
    """Frames without stars, their weights and outlier flags."""
    sky, spread, count = sky_template([f.registered for f in frames])
    known = count >= config.min_overlap_frames
    for mover in movers:
        _carve(sky, spread, mover, frames)
    return [_residual(frame, sky, spread, count, known, config, match, flatten) for frame in frames]


def sky_template(frames: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, spread and count over the set of the frames warped into the registered plane."""
    ny, nx = frames[0].flattened.image_e.shape
    cube, invalid = np.empty((len(frames), ny, nx), np.float32), np.empty((len(frames), ny, nx), np.uint8)
    for k, frame in enumerate(frames):
        matrix = np.array(frame.transform.matrix)
        bad = (frame.flattened.flags != 0).astype(np.float32)
        image = np.where(bad > 0, np.float32(0.0), frame.flattened.image_e)
        cube[k] = cv2.warpPerspective(image, matrix, (nx, ny), flags=cv2.INTER_LANCZOS4)
        lost = cv2.warpPerspective(bad, matrix, (nx, ny), flags=cv2.INTER_LINEAR, borderValue=1.0)
        invalid[k] = lost > 0.02
    sky, spread = np.empty((ny, nx), np.float32), np.empty((ny, nx), np.float32)
    count = np.empty((ny, nx), np.uint8)
    temporal_median(cube, invalid, lower_quartiles(len(frames)), np.empty(len(frames), np.float32), sky, spread, count)
    return sky, spread, count


def lower_quartiles(n_max: int) -> np.ndarray:
    """Expected distance from zero down to the sample m // 4 of m sorted unit normals, for m up to ``n_max``.

    Order statistics by Blom's approximation, quantile (k - 3/8) / (m + 1/4) for k from 1. The lower half only: a mover
    brightens a pixel in some frames, and its own light must not count as unsteadiness of the sky.
    """
    m = np.arange(n_max + 1)
    return np.maximum(-ndtri((m // 4 + 1 - 0.375) / (m + 0.25)), 1e-3).astype(np.float32)


def _carve(sky: np.ndarray, spread: np.ndarray, mover: Candidate, frames: list[Solved]) -> None:
    """Leave a mover out of the template: its light belongs to no star."""
    s = frames[0].registered.psf_sigma_px
    yy, xx = np.ogrid[: sky.shape[0], : sky.shape[1]]
    for frame in frames:
        x = mover.x_px + mover.vx_px_frame * frame.registered.t_frames
        y = mover.y_px + mover.vy_px_frame * frame.registered.t_frames
        inside = (xx - x) ** 2 + (yy - y) ** 2 < (5.0 * s) ** 2
        sky[inside] = 0.0
        spread[inside] = 0.0


def _residual(
    solved: Solved,
    sky: np.ndarray,
    spread: np.ndarray,
    count: np.ndarray,
    known: np.ndarray,
    config: Stars,
    match: Match,
    flatten: Flatten,
) -> Residual:
    registered, flat = solved.registered, solved.registered.flattened
    ny, nx = sky.shape
    back = np.array(registered.transform.matrix), (nx, ny)
    inverse = cv2.WARP_INVERSE_MAP
    model = cv2.warpPerspective(sky, *back, flags=cv2.INTER_LANCZOS4 | inverse)
    scatter = cv2.warpPerspective(spread, *back, flags=cv2.INTER_LINEAR | inverse)
    seen = cv2.warpPerspective(count * known.astype(np.uint8), *back, flags=cv2.INTER_NEAREST | inverse)
    image = np.where(seen > 0, flat.image_e - model, flat.image_e)
    # where too few frames overlap nothing tells a star from an object; where that is everywhere (a set of one or two
    # frames) all is kept, for the streak search
    unknown = (seen == 0) & known.any()
    flags = flat.flags | unknown * np.uint8(PixelFlag.STAR_CORE)
    star_free = flags | (model > STAR_FREE_SIGMA * flat.sigma_e).astype(np.uint8)
    image = image - background_maps(image, star_free, flatten, use_mean=True)[0]
    image = without_stripes(image, star_free)
    # noise as it is now: the residual's own, on pixels without stars
    _, _, ratio, _ = mesh(image / flat.sigma_e, star_free, flatten)
    good = ratio[ratio > 0]
    scale = float(np.median(good)) if len(good) else 1.0
    sigma2 = (scale * flat.sigma_e) ** 2 * (1.0 + MEDIAN_NOISE / np.maximum(seen, 1) * (seen > 0) * (model > 0))
    near = cv2.dilate(model, np.ones((3, 3), np.uint8))
    variance = sigma2 + np.maximum(model, 0.0) + (config.model_error * np.maximum(near, 0.0)) ** 2
    unsteady = np.where(scatter > SCATTER_EXCESS * flat.sigma_e * scale, scatter, np.float32(0.0))
    variance += cv2.dilate(unsteady, np.ones((3, 3), np.uint8)) ** 2
    flags = flags | (model > config.core_snr * flat.sigma_e).astype(np.uint8) * np.uint8(PixelFlag.STAR_CORE)
    image, noise = image.astype(np.float32), np.sqrt(variance).astype(np.float32)
    flags, n_outliers = reject_outliers(image, noise, flags, registered.psf_sigma_px, match)
    weight = np.where(flags == 0, 1.0 / (noise * noise), 0.0).astype(np.float32)
    weight /= filtered_noise(image, weight, flags, registered.psf_sigma_px, flatten) ** 2
    freeze(image, weight, flags, model)
    return Residual(solved, image, weight, flags, model, n_outliers)


def filtered_noise(image: np.ndarray, weight: np.ndarray, flags: np.ndarray, s: float, flatten: Flatten) -> np.ndarray:
    """Local noise (ny, nx) of the matched filter's output, at least 1: what pixel noise alone does not explain.

    Faint unresolved stars and the edges of stray light are correlated over the PSF and pass the filter; measured
    after it, they cost sensitivity instead of false alarms.
    """
    kernel = template(Trail(), s)
    phi = correlate(weight, kernel * kernel)
    enough = phi > 0.15 * float(np.median(phi))
    snr = np.where(enough, correlate(image * weight, kernel) / np.sqrt(np.maximum(phi, 1e-30)), 0.0).astype(np.float32)
    unusable = flags | (~enough).astype(np.uint8)
    return np.maximum(background_maps(snr, unusable, flatten)[1], 1.0)


def reject_outliers(image: np.ndarray, noise: np.ndarray, flags: np.ndarray, s: float, config: Match) -> tuple[np.ndarray, int]:
    """Flags with COSMIC_RAY added, and how many pixels were sharper than the PSF. Strong ones take neighbours along."""
    marked = flags.copy()
    bit = np.uint8(PixelFlag.COSMIC_RAY)
    n = flag_sharp(image, noise, flags, s, config.outlier_sigma, config.sharpness_margin, 1.0, bit, marked)
    if s > RESOLVED_SIGMA_PX:
        hits = _compact_hits(image, noise, marked, s, config.outlier_sigma + 1.0)
        n += int(((hits > 0) & (marked == 0)).sum())
        marked |= hits * bit
    strong = ((marked & bit) != 0) & (image > 3.0 * config.outlier_sigma * noise)
    grown = cv2.dilate(strong.astype(np.uint8), np.ones((3, 3), np.uint8))
    return marked | grown * bit, n


def _compact_hits(image: np.ndarray, noise: np.ndarray, flags: np.ndarray, s: float, threshold: float) -> np.ndarray:
    """Blobs of several pixels that a filter of half the PSF's width fits better than the PSF itself."""
    z = np.where(flags == 0, image / noise, np.float32(0.0))
    good = (flags == 0).astype(np.float32)
    maps = []
    for width in (s, 0.5 * s):
        kernel = template(Trail(), width)
        energy = correlate(good, kernel * kernel)
        maps.append(correlate(z, kernel) / np.sqrt(np.maximum(energy, 0.2 * float((kernel * kernel).sum()))))
    wide, narrow = maps
    core = (narrow > threshold) & (narrow > cv2.dilate(wide, np.ones((3, 3), np.uint8)))
    size = 2 * int(np.ceil(s)) + 1
    return cv2.dilate(core.astype(np.uint8), np.ones((size, size), np.uint8))


def without_stripes(image: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """The image less the median of its rows and columns: readout structure that a mesh cannot follow."""
    for is_column in (False, True):
        level = line_levels(*(np.ascontiguousarray(v.T if is_column else v) for v in (image, flags)))
        image = image - (level[None, :] if is_column else level[:, None])
    return image


def line_levels(image: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Median (ny,) of the good pixels of each row; zero where there are few, and where the row's parts disagree: a column
    that is dead from some row on must not lift the part that lives."""
    whole = _medians(image, flags, MIN_LINE_PX)
    cuts = np.linspace(0, image.shape[1], max(image.shape[1] // PART_PX, 2) + 1).astype(int)
    parts = [_medians(image[:, a:b], flags[:, a:b], MIN_PART_PX) for a, b in zip(cuts, cuts[1:], strict=False)]
    known = np.array([np.where(part == 0.0, whole, part) for part in parts])  # a part with few good pixels says nothing
    unlike = known.max(axis=0) - known.min(axis=0)
    return np.where(unlike > BROKEN_LINE * float(np.median(unlike)), np.float32(0.0), whole)


def _medians(image: np.ndarray, flags: np.ndarray, min_good: int) -> np.ndarray:
    level = np.empty(len(image), np.float32)
    scratch = np.empty(image.shape[1], np.float32)
    line_medians(np.ascontiguousarray(image), np.ascontiguousarray(flags), min_good, scratch, level)
    return level
