"""Take the stars out of a set, and say what noise is left: sky, read-out, dark, the stars' photons and their model's error.

Variance and flags travel with the image. Noise is measured where no star is; what a model misses of bright stars is
measured on them and added; so is what stands still without being a star the model knows.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from sensorproc.config import CosmicRays, Flatten, Stars
from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.background import cell_means, clipped_rms, residual_maps
from sensorproc.onboard.image.cosmic_rays import reject_outliers, spikes
from sensorproc.onboard.image.matched_filter import filtered, inverse_variance, template
from sensorproc.onboard.image.passing_light import passes
from sensorproc.onboard.kernels.filtered import weights
from sensorproc.onboard.kernels.gather import scatter_plane
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.products import Candidate, Flattened, Registered, Residual, Solved, Trail, freeze
from sensorproc.onboard.sky.zero_point import PLAIN_SNR, with_model_fluxes
from sensorproc.onboard.stage import stage
from sensorproc.onboard.stars.psf import Psf, measure_psf
from sensorproc.onboard.stars.star_model import StarModel, is_saturated, model_stars, point_noise
from sensorproc.onboard.threads import each

STAR_FREE_SIGMA = 0.3  # Pixels with less starlight than this part of their noise tell the noise.
CLUTTER_ERROR = 0.5  # What stands still without being a known star is taken at whole pixels and differs by so much in a frame.
BRIGHT_MODEL_SIGMA = 8.0  # Pixels so bright in the model tell its error.
UPPER_QUARTILE = 1.3233  # Upper quartile of chi-squared with one degree of freedom.
MIN_MODEL_PIXELS, DEFAULT_MODEL_ERROR = 200, 0.03  # With fewer bright pixels the model's error is taken to be this.
MAX_MODEL_ERROR = 0.2  # The error taken around saturated stars.
MIN_LINE_PX = 64  # A row or column needs so many good pixels before its own level is trusted.
PART_PX, MIN_PART_PX = 64, 24  # Parts of a line must agree in their level; each needs so many good pixels.
STANDS_OUT = 4.0  # A line's level so many sigmas of its own noise high is believed as it is.
BROKEN_LINE = 4.0  # If parts differ so many times more than usual, the line has no one level.
# Light that stands out so far is at least so many lines, and at most so many PSF sigmas, wide at this part of its highest level.
LIGHT_SIGMAS, LIGHT_LINES, LIT_FRACTION = 8.0, (3, 5.5), 0.15
SAMPLED_PX = 1_000_000  # In larger frames every fourth pixel tells the noise: to 0.1 %.
MIN_ENERGY = 0.15  # A place with less of the typical template energy tells nothing of the noise.
EXCESS_NOISE = 1.08  # A smaller excess of the filtered image's noise is chance.


@stage(bytes_px=200)
def subtract_stars(
    frames: HandOver[Solved],
    movers: list[Candidate],
    passing: list[Candidate],
    config: Stars,
    cosmic_rays: CosmicRays,
    flatten: Flatten,
) -> list[Residual]:
    """Frames without stars, their weights and outlier flags. Sets too short to tell stars from objects keep them all.

    No star is where ``movers`` are in any frame; where ``passing`` objects are in a frame, that frame tells nothing of stars.
    The pixels of ``frames`` are taken over: those of each are gone when its residual exists.
    """
    solved = frames.take()
    registered = [f.registered for f in solved]
    psf = measure_psf(registered, registered[0].psf_sigma_px)
    cleaned = each(lambda f: spikes(f.flattened, f.psf_sigma_px), registered)
    weight = np.stack([inverse_variance(f.flattened.sigma_e, flags) for f, flags in zip(registered, cleaned, strict=True)])
    del cleaned
    _hide(weight, passing, registered, len(solved) - config.min_overlap_frames)
    known = _Known(psf, None, 0.0, 0, config.saturated_reach_px)
    if len(solved) >= config.min_overlap_frames:
        model = model_stars(registered, weight, psf, movers, config, flatten)
        error = model_error(registered, model, weight, config.saturated_reach_px)
        known = _Known(psf, model, error, config.min_overlap_frames, config.saturated_reach_px)
        solved = _with_zero_points(solved, registered, model, weight)
    cube = known.model.cube if known.model else np.stack([f.flattened.image_e for f in registered])
    n, waiting = len(solved), dict(enumerate(solved))
    del solved, registered

    def finish(k: int) -> Residual:
        return _residual(waiting.pop(k), cube[k], weight[k], known, cosmic_rays, flatten)

    return each(finish, range(n))


def _with_zero_points(frames: list[Solved], registered: list[Registered], model: StarModel, weight: np.ndarray) -> list[Solved]:
    """The frames with zero points from modelled stars that are well seen and not saturated."""
    stars = model.stars
    if not len(stars.places):
        return frames
    noise_e = point_noise(weight, registered[0].psf_sigma_px)
    plain = (stars.places[:, 2] > PLAIN_SNR * noise_e) & ~is_saturated(stars, registered)
    return with_model_fluxes(frames, stars.paths[plain], stars.places[plain, 2])


def _hide(weight: np.ndarray, passing: list[Candidate], frames: list[Registered], most: int) -> None:
    """Set the weights under passing objects to zero, each frame's where they are in it; no pixel in more than ``most``."""
    hidden = np.zeros(weight.shape[1:], np.uint8)
    for one, frame in zip(weight, frames, strict=True) if passing else ():
        lit = passes(frame, hidden.shape, passing) & (hidden < most)
        one[lit] = 0.0
        hidden += lit


def model_error(frames: list[Registered], model: StarModel, weight: np.ndarray, reach_px: int) -> float:
    """Error of the star model relative to its light, by which bright stars' residuals are as wide as their noise.

    Their upper quartile decides: saturated stars' wings and blends, which spread far wider, are few.
    """

    def of_frame(k: int) -> np.ndarray:
        star = frames[k].flattened.image_e - model.cube[k]
        usable = (weight[k] > 0) & ~_near_saturation(frames[k].flattened.flags, reach_px)
        bright = (star > BRIGHT_MODEL_SIGMA * frames[k].flattened.sigma_e) & usable
        s, r = star[bright].astype(float), model.cube[k][bright].astype(float)
        return np.stack([r * r, 1.0 / weight[k][bright] + s / frames[k].facts.flux_scale, s * s])

    ratios = each(of_frame, range(len(frames)))
    residual2, noise2, light2 = np.concatenate(ratios, axis=1)
    if len(residual2) < MIN_MODEL_PIXELS:
        return DEFAULT_MODEL_ERROR
    low, high = 0.0, MAX_MODEL_ERROR
    for _ in range(12):
        error = 0.5 * (low + high)
        is_wide = np.quantile(residual2 / (noise2 + error**2 * light2), 0.75) > UPPER_QUARTILE
        low, high = (error, high) if is_wide else (low, error)
    return high


def _near_saturation(flags: np.ndarray, reach_px: int) -> np.ndarray:
    """Pixels (ny, nx) so near a saturated one that charge may have come from it, and the star is not linear."""
    saturated = (flags & np.uint8(PixelFlag.SATURATED) != 0).astype(np.uint8)
    return cv2.dilate(saturated, np.ones((2 * reach_px + 1,) * 2, np.uint8)) > 0


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of a set's stars: their PSF, their model with its relative error, and the frames that must overlap in a place
    for the model to tell a star from an object. No model in a short set."""

    psf: Psf
    model: StarModel | None
    error: float
    min_overlap: int
    saturated_reach_px: int


def _residual(
    solved: Solved, image: np.ndarray, weight: np.ndarray, known: _Known, cosmic_rays: CosmicRays, flatten: Flatten
) -> Residual:
    """What is left of a frame, in the arrays of its ``image`` without stars and its ``weight``."""
    registered, model, psf = solved.registered, known.model, known.psf
    flat = registered.flattened
    light = np.subtract(flat.image_e, image)  # exactly what was subtracted
    np.maximum(light, 0.0, out=light)
    clutter, flags = np.zeros_like(light), flat.flags
    if model is not None:
        seen = np.empty(light.shape, np.uint8)
        to_registered = np.array(registered.transform.matrix)
        scatter_plane(model.clutter_e, model.plane.count, model.plane.x0, model.plane.y0, to_registered, clutter, seen)
        # where too few frames overlap nothing tells a star from an object
        flags = flags | (seen < known.min_overlap).astype(np.uint8) * np.uint8(PixelFlag.STAR_CORE)
    image -= clutter
    star_free = flags | ((light > STAR_FREE_SIGMA * flat.sigma_e) | (clutter != 0)).astype(np.uint8)
    subtract_stripes(image, star_free, flags, psf.filter_px)
    image -= residual_maps(image, star_free, flatten)[0]
    star_snr = (light / np.float32(flat.facts.noise_e)).astype(np.float16)
    scale = _noise_scale(image, flat.sigma_e, star_free)
    near_saturation = _near_saturation(flat.flags, known.saturated_reach_px)
    share = np.where(near_saturation, np.float32(MAX_MODEL_ERROR), np.float32(known.error))
    noise = _noise(flat, scale, light, clutter, share)
    del light, clutter, star_free
    s = psf.filter_px
    flags, n_outliers = reject_outliers(image, noise, flags, s, cosmic_rays)
    weights(noise, flags, weight)
    weight /= filtered_noise(image, weight, flags, s, flatten) ** 2
    freeze(image, weight, flags, star_snr)
    registration = replace(registered.registration, psf_sigma_px=s, flux_ratio=psf.flux_ratio)
    return Residual(flat.facts, registration, solved.solution, image, weight, flags, star_snr, n_outliers)


def _noise(flat: Flattened, scale: float, light: np.ndarray, clutter: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Noise (ny, nx) float32 of sky and read-out, ``scale`` times what was expected, of the stars' photons and of their model,
    which is wrong by ``share`` of the light; taken over."""
    # what is wrong with a star's model shows in what stands still, too: the larger of both, not their sum
    share *= light
    noise = np.maximum(share, CLUTTER_ERROR * np.abs(clutter), out=share)
    noise *= noise
    noise += (scale * flat.sigma_e) ** 2 + light / np.float32(flat.facts.flux_scale)
    return np.sqrt(noise, out=noise)


def _noise_scale(image: np.ndarray, sigma: np.ndarray, star_free: np.ndarray) -> float:
    """Noise of star-free pixels over what was expected of them: a clipped rms, which the skewness of photons does not bend."""
    some = np.s_[::2, ::2] if image.size > SAMPLED_PX else np.s_[:, :]
    z = (image[some] / sigma[some])[star_free[some] == 0].astype(float)
    return clipped_rms(z)


def filtered_noise(image: np.ndarray, weight: np.ndarray, flags: np.ndarray, s: float, flatten: Flatten) -> np.ndarray:
    """Local noise (ny, nx) of the matched filter's output, at least 1: what pixel noise alone does not explain.

    Faint unresolved stars and the edges of stray light are correlated over the PSF and pass the filter; measured
    after it, they cost sensitivity instead of false alarms.
    """
    snr = filtered(image, weight, template(Trail(), s), MIN_ENERGY)
    unusable = flags | (snr == 0.0).astype(np.uint8)
    noise = residual_maps(snr, unusable, flatten)[1]
    return np.where(noise > EXCESS_NOISE, noise, np.float32(1.0))


def subtract_stripes(image: np.ndarray, flags: np.ndarray, bad: np.ndarray, s: float) -> None:
    """Take the level of its rows and columns from the image: readout structure that a mesh cannot follow. ``flags`` (ny, nx) are
    those of pixels with starlight or ``bad``, ``s`` is the PSF's sigma [px]."""
    image -= line_levels(image, flags, bad, s, rows=True)[:, None]
    image -= line_levels(image, flags, bad, s, rows=False)[None, :]


def line_levels(image: np.ndarray, flags: np.ndarray, bad: np.ndarray, s: float, rows: bool) -> np.ndarray:
    """Level of each row or column: the mean of its parts' clipped means; zero where few pixels are good, and where the parts
    disagree: a column that is dead from some row on must not lift the part that lives.

    A line's own level is in all of its parts alike; noise and what is left of stars are not. Levels are shrunk to the share of
    them that the parts have in common, over all lines, unless a line stands out: in a field half full of stars rows of few
    good pixels would else print their noise on the frame. A line that stands out does so in all of its pixels, starlit
    ones as well. Neighbouring lines that do so as the PSF is wide are light, of a streak from edge to edge, and are left.
    """
    n_lines, length = image.shape if rows else image.shape[::-1]
    cuts = np.linspace(0, length, max(length // PART_PX, 2) + 1).astype(int)
    lines = np.arange(n_lines + 1)
    cells = (lines, cuts) if rows else (cuts, lines)
    mean, sigma, count = cell_means(image, flags, *cells)
    mean, sigma, enough = (v.T if rows else v for v in (mean, sigma, count >= MIN_PART_PX))
    known = enough & (sigma > 0)
    parts = np.where(known, mean, np.float32(0.0))
    n_known = known.sum(axis=0)
    level = (parts.sum(axis=0) / np.maximum(n_known, 1)).astype(np.float32)
    common = np.median(level)  # what all lines share is the background's, which is not yet known where stars crowd
    level, parts = level - common, np.where(known, parts - common, np.float32(0.0))
    filled = np.where(known, parts, level)  # a part with few good pixels says nothing
    unlike = filled.max(axis=0) - filled.min(axis=0)
    is_dead = (enough & ~known).any(axis=0)  # no noise at all
    usable = ~is_dead & (n_known * (cuts[1] - cuts[0]) >= MIN_LINE_PX) & (unlike <= BROKEN_LINE * float(np.median(unlike)))
    within2 = float(((parts - level) ** 2)[known].sum()) / max(int((n_known - 1).clip(0).sum()), 1)
    noise2 = within2 / np.maximum(n_known, 1)
    stands_out = 1.0 - STANDS_OUT**2 * noise2 / np.maximum(level.astype(float) ** 2, 1e-30)
    if (stands_out > 0.0).any():  # seldom: all pixels need not be looked at in every frame
        stands_out = np.where(_is_of_all(level, image, bad, cells, rows), stands_out, 0.0)
    usable &= ~_are_light(level, np.sqrt(noise2), s)
    limit = 4.0 * np.sqrt(within2)
    x = np.where(known, np.clip(parts, -limit, limit), 0.0).astype(float)[:, usable]
    pairs = (n_known * (n_known - 1))[usable].sum()
    common2 = max(float((x.sum(axis=0) ** 2 - (x * x).sum(axis=0)).sum()) / max(int(pairs), 1), 0.0)
    share = np.maximum(common2 / np.maximum(common2 + noise2, 1e-30), stands_out)
    return np.where(usable, level * share, 0.0).astype(np.float32)


def _is_of_all(
    level: np.ndarray, image: np.ndarray, bad: np.ndarray, cells: tuple[np.ndarray, np.ndarray], rows: bool
) -> np.ndarray:
    """Whether each line's level (n,), found where no starlight is, is that of all its good pixels, too, give or take half."""
    mean, sigma, count = cell_means(image, bad, *cells)
    mean, known = (v.T if rows else v for v in (mean, (count >= MIN_PART_PX) & (sigma > 0)))
    whole = np.where(known, mean, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    whole -= np.median(whole)
    return np.asarray(np.abs(whole - level) < 0.5 * np.abs(level))


def _are_light(level: np.ndarray, noise: np.ndarray, s: float) -> np.ndarray:
    """Which lines (n,) are bright together over as many neighbours as the PSF is wide: readout makes one, or wide bands."""
    light = np.zeros(len(level), bool)
    noise = np.maximum(noise, 1.4826 * float(np.median(np.abs(level))))  # lines that differ all the time make triples by chance
    for i in np.flatnonzero(level > LIGHT_SIGMAS * noise).tolist():
        lit = level > np.maximum(LIT_FRACTION * level[i], STANDS_OUT * noise)
        dark = np.concatenate([[-1], np.flatnonzero(~lit), [len(level)]])
        after = int(np.searchsorted(dark, i))
        first, last = int(dark[after - 1]) + 1, int(dark[after])
        is_whole = first > 0 and last < len(level)
        if is_whole and LIGHT_LINES[0] <= last - first <= LIGHT_LINES[1] * s and level[first:last].max() == level[i]:
            light[max(first - 1, 0) : last + 1] = True
    return light
