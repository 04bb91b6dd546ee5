"""Structure fixed to the detector, in frames where the objects themselves may stand still over it.

In rate track and body-fixed frames the stars sweep over the detector and are gone from the residuals, so the mean over
the set in detector pixels shows what stays: slow objects, which are as wide as the PSF and bright; hot pixels, which are
sharper; and shadows of dust, which are dark.
"""

from collections.abc import Iterable

import cv2
import numpy as np

from sensorproc.flags import PixelFlag
from sensorproc.onboard.detector.repeated_hits import repeated_hits
from sensorproc.onboard.image.background import clipped_rms
from sensorproc.onboard.image.matched_filter import correlate, template, through
from sensorproc.onboard.kernels.filtered import add_clipped
from sensorproc.onboard.kernels.sharpness import flag_sharp
from sensorproc.onboard.products import MIN_FRAMES, Residual, Trail
from sensorproc.onboard.stage import stage
from sensorproc.onboard.threads import in_rows

TEST_SIGMA = 4.0  # Significance at which a lasting excess or lack is believed.
CLUSTER_SNR = 6.0  # Of a pixel of a cluster over the set.
SHARP_MARGIN = 0.7  # Neighbours on either side with less than this part of what a PSF gives them make a pixel sharp.
# A place so much too dark for a point, and in most pixels so much, is masked, with so many PSF sigmas around.
DEAD_SNR, DEAD_PIXEL_SNR, DEAD_SIGMAS = 8.0, 2.0, 1.5
MEMORY = 0.95  # Earlier sets' evidence counts so much less: in the end a warm pixel counts as if seen in five sets.
CLIP_SIGMA = 8.0  # Clip of a single sample [sigmas], so that one particle hit makes no defect.
SHADOW_PX = 2.5  # The mean residual is smoothed so before it is searched for shadows.


def _shows_what_is_fixed(residuals: list[Residual]) -> bool:
    """Whether the stars sweep over the detector and frames enough tell what does not: not in a stare."""
    return len(residuals) >= MIN_FRAMES and not residuals[0].registration.is_stare


@stage(bytes_px=12)
def mask_fixed_pixels(residuals: list[Residual], warm_snr: np.ndarray | None) -> tuple[list[Residual], np.ndarray | None]:
    """Residuals with :func:`fixed_pixels` flagged HOT, and the map of earlier sets with this one's evidence added.

    A stare adds none, for what is left of stars lasts as long, but knows what earlier sets have shown.
    """
    shows = _shows_what_is_fixed(residuals)
    known = _remembered(residuals, warm_snr) if shows else warm_snr
    if known is None or known.shape != residuals[0].image_e.shape:
        return residuals, warm_snr
    fixed = _sharp(known, residuals)
    return mask(residuals, fixed), known


def fixed_pixels(residuals: list[Residual], warm_snr: np.ndarray | None) -> np.ndarray | None:
    """Lasting single-pixel excesses (ny, nx) bool; None in a stare.

    ``warm_snr`` (ny, nx) is what earlier sets have shown: a pixel too faint for one set, or bright at times, adds up.
    """
    return _sharp(_remembered(residuals, warm_snr), residuals) if _shows_what_is_fixed(residuals) else None


@stage(bytes_px=20)
def mask_clusters(residuals: list[Residual]) -> list[Residual]:
    """Residuals with :func:`clustered_pixels` flagged HOT, and clusters of dead ones where no star hides what is dark.

    The noise that the pattern has left is measured with them in: where they are, others hardly fainter are.
    """
    if len(residuals) < MIN_FRAMES:
        return residuals
    pixel = _in_own_scatter(lasting(residuals))
    clustered = _clustered(pixel, residuals, [r.flags for r in residuals])
    if _shows_what_is_fixed(residuals):
        clustered |= _dead(pixel, residuals[0].registration.psf_sigma_px)
    return mask(residuals, clustered)


def clustered_pixels(residuals: list[Residual], flags: list[np.ndarray]) -> np.ndarray | None:
    """Lasting excesses (ny, nx) bool of pixels whose neighbours on either side have less than light would give them: several side
    by side pass for a point, one by one they do not; where the stars sweep by also those that ``flags`` (n of (ny, nx)) take for
    hits again and again. None of a set too short to tell."""
    return _clustered(_in_own_scatter(lasting(residuals)), residuals, flags) if len(residuals) >= MIN_FRAMES else None


def _clustered(pixel: np.ndarray, residuals: list[Residual], flags: list[np.ndarray]) -> np.ndarray:
    """Pixels (ny, nx) bool of a map of what lasts that are sharper than the PSF, and those that are hit too often."""
    s = residuals[0].registration.psf_sigma_px
    unseen, sharp = (pixel == 0.0).astype(np.uint8), np.zeros(pixel.shape, np.uint8)
    flag_sharp(pixel, np.ones_like(pixel), unseen, s, CLUSTER_SNR, SHARP_MARGIN, 0.0, np.uint8(1), sharp)
    return (sharp > 0) | repeated_hits(flags) if _shows_what_is_fixed(residuals) else sharp > 0


def _remembered(residuals: list[Residual], warm_snr: np.ndarray | None) -> np.ndarray:
    """SNR of every pixel's lasting excess over this set and, fading, the ones before: of unit variance where nothing lasts."""
    pixel = lasting(residuals)
    if warm_snr is None or warm_snr.shape != pixel.shape:
        return pixel
    return (pixel + np.float32(MEMORY) * warm_snr) / np.float32(np.hypot(1.0, MEMORY))


def _sharp(pixel: np.ndarray, residuals: list[Residual]) -> np.ndarray:
    """Significant excesses that no light makes: each pixel's own SNR against the best the PSF filter finds on and around it.

    For a delta the filter has less, for an object, though it stood still over the detector through all sets, more.
    """
    filtered = through(pixel, template(Trail(), residuals[0].registration.psf_sigma_px))
    return np.asarray((pixel > TEST_SIGMA) & (pixel > cv2.dilate(filtered, np.ones((3, 3), np.uint8))))


def _in_own_scatter(pixel: np.ndarray) -> np.ndarray:
    """A map (ny, nx) of what lasts, in units of what its pixels scatter where that is more than noise: a pattern that is not
    known well."""
    good = pixel[::2, ::2][pixel[::2, ::2] != 0.0]
    return pixel / np.float32(max(clipped_rms(good.astype(float)), 1.0)) if len(good) else pixel


def _dead(pixel: np.ndarray, s: float) -> np.ndarray:
    """Places (ny, nx) bool so dark over the set, for a PSF of sigma ``s`` [px], that no noise and no shadow makes them, and not
    for one pixel alone: clusters of dead ones. They would tell the null search of what cannot be taken for an object."""
    is_wide = cv2.medianBlur(pixel, 3) < -DEAD_PIXEL_SNR
    dark = ((through(pixel, template(Trail(), s)) < -DEAD_SNR) & is_wide).astype(np.uint8)
    side = 2 * round(DEAD_SIGMAS * s) + 1
    return cv2.dilate(dark, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) > 0


def lasting(residuals: list[Residual], clip: float = CLIP_SIGMA) -> np.ndarray:
    """SNR (ny, nx) of what each pixel holds in all frames."""
    signal, seen = summed(residuals, clip)
    return np.where(seen > 0, signal / np.sqrt(np.maximum(seen, 1.0)), 0.0).astype(np.float32)


def summed(residuals: list[Residual], clip: float, roots: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sum over frames of each pixel's clipped SNR times ``roots`` of its weight's root, and how many frames see it."""
    signal, seen = np.zeros(residuals[0].image_e.shape, np.float32), np.zeros(residuals[0].image_e.shape, np.float32)

    def add(first: int, last: int) -> None:
        for r in residuals:
            add_clipped(r.image_e, r.weight, clip, roots, first, last, signal, seen)

    in_rows(len(signal), add)
    return signal, seen


@stage(bytes_px=30)
def fill_shadows(residuals: list[Residual]) -> list[Residual]:
    """Residuals with lasting dark patches filled: light that never arrives is no object, and no noise either."""
    if not _shows_what_is_fixed(residuals):
        return residuals
    weight = total([r.weight for r in residuals])
    signal, _ = summed(residuals, CLIP_SIGMA, roots=1)
    kernel = template(Trail(), SHADOW_PX)
    smooth, norm = correlate(signal, kernel), correlate(weight, kernel)
    energy = correlate(weight, kernel * kernel)
    depth = np.where(norm > 0, smooth / np.maximum(norm, 1e-30), 0.0).astype(np.float32)
    is_dark = (smooth < -TEST_SIGMA * np.sqrt(np.maximum(energy, 0.0))) & (norm > 0)
    reach = cv2.dilate(is_dark.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    shadow = np.where(reach, np.minimum(depth, np.float32(0.0)), np.float32(0.0))
    if not shadow.any():
        return residuals
    for r in residuals:
        np.subtract(r.image_e, shadow, out=r.image_e)
    return residuals


def total(images: Iterable[np.ndarray]) -> np.ndarray:
    """Sum of images in their order."""
    waiting = iter(images)
    result = next(waiting).copy()
    for image in waiting:
        result += image
    return np.asarray(result)


def mask(residuals: list[Residual], fixed: np.ndarray) -> list[Residual]:
    """Frames with some pixels (ny, nx) bool flagged HOT and without weight, in place."""
    where = np.flatnonzero(fixed)
    for r in residuals:
        r.flags.reshape(-1)[where] |= np.uint8(PixelFlag.HOT)
        r.weight.reshape(-1)[where] = 0.0
    return residuals
