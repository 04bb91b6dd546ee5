"""Take the stars out of a set, and say what noise is left: sky, read-out, dark, the stars' photons and their model's error.

Variance and flags travel with the image. Noise is measured where no star is; what a model misses of bright stars is
measured on them and added; so is what stands still without being a star the model knows.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from sensorproc.config import CosmicRays, Flatten, Stars
from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.background import clipped_rms, residual_background, residual_noise
from sensorproc.onboard.image.cosmic_rays import reject_outliers, spikes
from sensorproc.onboard.image.matched_filter import filtered, template
from sensorproc.onboard.image.passing_light import passes
from sensorproc.onboard.image.stripes import subtract_stripes
from sensorproc.onboard.kernels.filtered import above, add_star_noise, take_clutter, to_half
from sensorproc.onboard.kernels.gather import scatter_plane
from sensorproc.onboard.pixel_ownership import HandOver, as_cube, in_cubes
from sensorproc.onboard.products import Candidate, Registered, Residual, Solved, Trail, freeze
from sensorproc.onboard.sky.zero_point import PLAIN_SNR, less_sure, with_model_fluxes
from sensorproc.onboard.stack import Hidden, hide, show, typical_weight
from sensorproc.onboard.stage import stage
from sensorproc.onboard.stars.far_light import FarLight, far_light
from sensorproc.onboard.stars.psf import Psf, measure_psf
from sensorproc.onboard.stars.sidelobe import sidelobe
from sensorproc.onboard.stars.star_model import StarModel, is_saturated, model_stars, point_noise
from sensorproc.onboard.stars.steepness import steepness
from sensorproc.onboard.threads import each

STAR_FREE_SIGMA = 0.3  # Pixels with less starlight than this part of their noise tell the noise.
CLUTTER_ERROR = 0.5  # What stands still without being a known star is taken at whole pixels and differs by so much in a frame.
BRIGHT_MODEL_SIGMA = 8.0  # Pixels so bright in the model tell its error.
UPPER_QUARTILE = 1.3233  # Upper quartile of chi-squared with one degree of freedom.
MIN_MODEL_PIXELS, DEFAULT_MODEL_ERROR = 200, 0.03  # With fewer bright pixels the model's error is taken to be this.
MAX_MODEL_ERROR = 0.2  # The error taken around saturated stars.
SAMPLED_PX = 1_000_000  # In larger frames every ninth pixel tells the noise: to 0.1 %.
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
    The pixels of ``frames`` are taken over: residuals lie where they did.
    """
    solved = frames.take()
    flat = in_cubes([f.registered.flattened for f in solved])
    solved = [replace(f, registered=replace(f.registered, flattened=one)) for f, one in zip(solved, flat, strict=True)]
    cube, weight = as_cube([one.image_e for one in flat]), as_cube([one.weight for one in flat])
    registered = [f.registered for f in solved]
    psf = measure_psf(registered, registered[0].psf_sigma_px)
    lobe, steep = sidelobe(registered, psf.filter_px), steepness(registered, psf.filter_px)
    hidden = [hide(one, spikes(f.flattened, f.psf_sigma_px)) for one, f in zip(weight, registered, strict=True)]
    passes_by = _hide(weight, passing, registered, len(solved) - config.min_overlap_frames)
    far = far_light(registered, weight, psf)
    solved = less_sure(solved, 1.0857 * far.sigma)
    known = _Known(psf, lobe, steep, far, None, 0.0, 0, config.saturated_reach_px)
    if len(solved) >= config.min_overlap_frames:
        model = model_stars(cube, registered, weight, psf, movers, config, flatten)
        error = model_error(registered, model, weight, config.saturated_reach_px)
        known = replace(known, model=model, error=error, min_overlap=config.min_overlap_frames)
        solved = _with_zero_points(solved, registered, model, weight, far)
    for one, some in [*zip(weight, passes_by, strict=False), *zip(weight, hidden, strict=True)]:
        show(one, some)
    return each(lambda k: _residual(solved[k], k, known, cosmic_rays, flatten), range(len(solved)))


def _with_zero_points(
    frames: list[Solved], registered: list[Registered], model: StarModel, weight: np.ndarray, far: FarLight
) -> list[Solved]:
    """The frames with zero points from modelled stars that are well seen and not saturated."""
    stars = model.stars
    if not len(stars.places):
        return frames
    noise_e = point_noise(weight, registered[0].psf_sigma_px)
    plain = (stars.places[:, 2] > PLAIN_SNR * noise_e) & ~is_saturated(stars, registered)
    return with_model_fluxes(frames, stars.paths[plain], stars.places[plain, 2] / (1.0 - far.share))


def _hide(weight: np.ndarray, passing: list[Candidate], frames: list[Registered], most: int) -> list[Hidden]:
    """Set the weights under passing objects to zero, each frame's where they are in it; no pixel in more than ``most``. What they
    were is returned."""
    times, hidden = np.zeros(weight.shape[1:], np.uint8), []
    for one, frame in zip(weight, frames, strict=True) if passing else ():
        lit = passes(frame, times.shape, passing) & (times < most)
        hidden.append(hide(one, lit))
        times += lit
    return hidden


def model_error(frames: list[Registered], model: StarModel, weight: np.ndarray, reach_px: int) -> float:
    """Error of the star model relative to its light, by which bright stars' residuals are as wide as their noise.

    Their upper quartile decides: saturated stars' wings and blends, which spread far wider, are few.
    """

    def of_frame(k: int) -> np.ndarray:
        # no pixel is bright where all stars are so faint
        faint_e = 0.5 * BRIGHT_MODEL_SIGMA / np.sqrt(typical_weight(weight[k]))
        star, bright = model.light(k, faint_e), np.empty(weight[k].shape, np.bool_)
        above(star, weight[k], BRIGHT_MODEL_SIGMA, bright)
        bright &= ~_near_saturation(frames[k].flattened.flags, reach_px)
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
    if not saturated.any():
        return saturated > 0
    return cv2.dilate(saturated, np.ones((2 * reach_px + 1,) * 2, np.uint8)) > 0


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of a set's stars: their PSF, its sidelobe, steepness and far light, their model with its relative error, and
    the frames that must overlap in a place for the model to tell a star from an object. No model in a short set."""

    psf: Psf
    lobe: float
    steepness: float
    far: FarLight
    model: StarModel | None
    error: float
    min_overlap: int
    saturated_reach_px: int


def _residual(solved: Solved, k: int, known: _Known, cosmic_rays: CosmicRays, flatten: Flatten) -> Residual:
    """What is left of frame ``k`` of a set, in its own arrays of pixels and weights."""
    registered, model, psf = solved.registered, known.model, known.psf
    flat = registered.flattened
    image, weight, before = flat.image_e, flat.weight, flat.flags
    light = np.zeros_like(image) if model is None else model.light(k)
    clutter, is_lone = np.zeros_like(image), np.zeros(image.shape, np.bool_)
    if model is not None:
        seen = np.empty(image.shape, np.uint8)
        to_registered = np.array(registered.transform.matrix)
        scatter_plane(model.clutter_e, model.plane.count, model.plane.x0, model.plane.y0, to_registered, clutter, seen)
        # where too few frames overlap nothing tells a star from an object
        np.less(seen, known.min_overlap, out=is_lone)
    flags, star_free = np.empty_like(before), np.empty_like(before)
    lone = np.uint8(PixelFlag.STAR_CORE)
    take_clutter(clutter, light, weight, is_lone, STAR_FREE_SIGMA, lone, before, image, flags, star_free)
    subtract_stripes(image, star_free, flags, psf.filter_px)
    residual_background(image, star_free, flatten).subtract_from(image)
    scale = _noise_scale(image, weight, star_free)
    errors = known.error, MAX_MODEL_ERROR, CLUTTER_ERROR
    near_saturation = _near_saturation(before, known.saturated_reach_px)
    add_star_noise(light, clutter, near_saturation, scale, 1.0 / flat.facts.flux_scale, errors, weight)
    star_snr = np.empty(light.shape, np.float16)
    to_half(light, 1.0 / flat.facts.noise_e, star_snr.view(np.uint16))
    del light, clutter, star_free
    s = psf.filter_px
    flags, n_outliers = reject_outliers(image, weight, flags, s, cosmic_rays)
    weight[flags != 0] = 0.0
    add_filtered_noise(image, weight, flags, s, flatten)
    freeze(star_snr)
    registration = replace(
        registered.registration,
        psf_sigma_px=s,
        flux_ratio=psf.flux_ratio,
        sidelobe=known.lobe,
        steepness=known.steepness,
        far_light=known.far.share,
        sigma_far_light=known.far.sigma,
    )
    return Residual(flat.facts, registration, solved.solution, image, weight, flags, star_snr, n_outliers)


def _noise_scale(image: np.ndarray, weight: np.ndarray, star_free: np.ndarray) -> float:
    """Noise of star-free pixels over what was expected of them: a clipped rms, which the skewness of photons does not bend."""
    some = np.s_[::3, ::3] if image.size > SAMPLED_PX else np.s_[:, :]
    z = (image[some] * np.sqrt(weight[some]))[star_free[some] == 0].astype(float)
    return clipped_rms(z)


def add_filtered_noise(image: np.ndarray, weight: np.ndarray, flags: np.ndarray, s: float, flatten: Flatten) -> None:
    """Weigh pixels by the local noise of the matched filter's output, where it is more than pixel noise explains, in place.

    Faint unresolved stars and the edges of stray light are correlated over the PSF and pass the filter; measured
    after it, they cost sensitivity instead of false alarms.
    """
    snr = filtered(image, weight, template(Trail(), s), MIN_ENERGY)
    unusable = np.equal(snr, np.float32(0.0)).view(np.uint8)
    noise = residual_noise(snr, np.bitwise_or(unusable, flags, out=unusable), flatten)
    if noise.max() > EXCESS_NOISE:
        noise[noise <= EXCESS_NOISE] = 1.0
        weight /= np.square(noise, out=noise)
