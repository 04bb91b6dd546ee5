"""How much of a track's light stands still in the sky: looked for where the track is at other times.

What a star's model misses lies under a slow track in every frame and adds up as an object would. An object leaves: the
same places are dark in the frames before and after it. Light found there is the sky's, not the track's.
"""

from dataclasses import replace

import numpy as np

from sensorproc.onboard.image.matched_filter import HALF_SIGMAS
from sensorproc.onboard.kernels.static_free import static_free
from sensorproc.onboard.search.track import Track, matched_sums
from sensorproc.onboard.search.velocity_boxes import is_slow
from sensorproc.onboard.stack import Stack

APART_SIGMAS = 3.5  # A place farther away [PSF widths] no longer sees the object.
LEAST_REST_SIGMA = 1.3  # A map is poor if it leaves so much that is alike in all frames, in sigmas of their noise.
LEAST_DRIFT_SIGMAS = 5.0  # A track that drifts less over the detector [PSF widths] hardly leaves its place.
LEAST_MOVING_SNR, MOVING_FRACTION = 5.0, 0.5  # of the light that moves: at least, and of what is expected of it
LEAST_TOLD_SNR = 4.0  # If less is expected of it, an object is not told from warm pixels.


def without_static_residual(stack: Stack, image: np.ndarray, track: Track) -> Track:
    """The track with the SNR that is left once light that stays is taken off, as far as it is more than noise: what stays in the
    sky, and where the stars move over a detector of which there is no map, or a poor one, what stays on it: warm pixels."""
    track = _without(stack, image, track, _in_sky(stack, track))
    if stack.registrations[0].is_stare or _is_clean(stack) or not _leaves_its_place(stack, track):
        return track
    return _without(stack, image, track, _on_detector(track))


def _in_sky(stack: Stack, track: Track) -> np.ndarray:
    """Where in frame j the sky lies over which the track is in frame k, (k, j, 2) [px]."""
    c = track.candidate
    velocity = np.array([c.vx_px_frame, c.vy_px_frame])
    x, y = (np.array([c.x_px, c.y_px]) + stack.times[:, None] * velocity).T  # registered
    return np.stack([np.stack(r.transform.to_detector(x, y), axis=-1) for r in stack.registrations], axis=1)


def _on_detector(track: Track) -> np.ndarray:
    """The pixels over which the track is in frame k, in every frame j, (k, j, 2) [px]."""
    return np.repeat(track.path[:, None, :], len(track.path), axis=1)


def _without(stack: Stack, image: np.ndarray, track: Track, places: np.ndarray) -> Track:
    """The track less the light at ``places`` (k, j, 2) that stays.

    For every frame the template is put where the track is *then*, in all other frames in which the track is elsewhere.
    The weighted sum S of what it finds has variance V; the estimate S (1 - V / S^2) is subtracted if S is positive and
    significant (James & Stein 1961: noise alone takes next to nothing off).
    """
    n, s = len(stack.times), stack.psf_sigma_px
    reach = APART_SIGMAS * s + 0.5 * max(float(track.trails[:, 0].max()), 0.0)
    far = np.hypot(*(places - track.path[None, :, :]).transpose(2, 0, 1)) > reach
    if not far.any() or not track.phi.sum() > 0:
        return track
    psi, phi = np.zeros((n, n)), np.zeros((n, n))
    for k in range(n):
        if far[k].any():
            path = np.where(far[k][:, None], places[k], -1e6)
            psi[k], phi[k] = matched_sums(image, stack.weight, path, track.trails, s)
    known = phi.sum(axis=1)
    seen = known > 0
    flux = np.where(seen, psi.sum(axis=1) / np.maximum(known, 1e-30), 0.0)
    share = np.where(seen, track.phi / np.maximum(known, 1e-30), 0.0)
    total = float((track.phi * flux).sum())
    # neighbouring places share the pixels of a frame: exp(-d^2 / 4 s^2) of their noise
    middle = places[:, n // 2]
    apart2 = ((middle[:, None, :] - middle[None, :, :]) ** 2).sum(axis=-1)
    spread = share[:, None] * np.sqrt(phi)
    variance = float(np.einsum("kj,kl,lj->", spread, np.exp(-apart2 / (4.0 * s * s)), spread))
    if total <= 0.0 or total * total <= variance:
        return track
    steady = total * (1.0 - variance / total**2)
    c = track.candidate
    return replace(track, candidate=replace(c, snr=c.snr - steady / float(np.sqrt(track.phi.sum()))))


def is_moving(stack: Stack, image: np.ndarray, track: Track) -> bool:
    """Whether a slow track's light moves: what is left of its SNR once whatever stands still has been given to the sky.

    Of a mover it is as much as its motion allows (:func:`sensorproc.theory.static_sky_loss`), of the remains of a star nothing.
    Faster tracks leave the place of their own light: :func:`without_static_residual` sees it.
    """
    c = track.candidate
    if not is_slow(stack, c) or not track.phi.sum() > 0:
        return True
    rate = np.array([c.vx_px_frame, c.vy_px_frame])
    x, y = _around(stack, np.array([[c.x_px, c.y_px] + rate * t for t in (stack.times.min(), stack.times.max())]), track)
    seen = [np.rint(np.stack(r.transform.to_detector(x, y), axis=-1)) for r in stack.registrations]
    left, expected = _left(stack, image, track, np.stack(seen, axis=1))
    return left > max(LEAST_MOVING_SNR, MOVING_FRACTION * expected)


def moves_over_detector(stack: Stack, image: np.ndarray, track: Track) -> bool:
    """Whether a track's light moves over the detector where warm pixels are not known: a chain of them looks like a slow object.

    What an object at rest keeps once every pixel has its own level tells nothing; neither do sets whose pattern is out. Faster
    tracks leave their pixels: :func:`without_static_residual` sees to them.
    """
    if stack.registrations[0].is_stare or _is_clean(stack) or _leaves_its_place(stack, track) or not track.phi.sum() > 0:
        return True
    x, y = _around(stack, np.stack([track.path.min(axis=0), track.path.max(axis=0)]), track)
    left, expected = _left(stack, image, track, np.repeat(np.stack([x, y], axis=-1)[:, None], len(track.path), axis=1))
    return expected < LEAST_TOLD_SNR or left > MOVING_FRACTION * expected


def _leaves_its_place(stack: Stack, track: Track) -> bool:
    """Whether a track moves over the detector farther than its light reaches."""
    return float(np.ptp(track.path, axis=0).max()) >= LEAST_DRIFT_SIGMAS * stack.psf_sigma_px


def _is_clean(stack: Stack) -> bool:
    """Whether there is a map of the detector's dark current, and it is good."""
    return stack.facts.is_dark_known and stack.rest_sigma < LEAST_REST_SIGMA


def _around(stack: Stack, ends: np.ndarray, track: Track) -> tuple[np.ndarray, np.ndarray]:
    """Whole pixels x and y (m,) of the box that holds a track's light between the ``ends`` (2, 2) of its way."""
    reach = HALF_SIGMAS * stack.psf_sigma_px + 0.5 * float(track.trails[:, 0].max())
    low, high = np.floor(ends.min(axis=0) - reach), np.ceil(ends.max(axis=0) + reach)
    x, y = np.meshgrid(np.arange(low[0], high[0] + 1.0), np.arange(low[1], high[1] + 1.0))
    return x.ravel(), y.ravel()


def _left(stack: Stack, image: np.ndarray, track: Track, pixels: np.ndarray) -> tuple[float, float]:
    """SNR that is left of a track once light is gone that is alike in all frames at the same of the ``pixels`` (m, n, 2); and
    what is left of an object's."""
    sums = np.zeros(2)
    places = np.ascontiguousarray(pixels.astype(np.int64))
    path = np.ascontiguousarray(track.path)
    static_free(image, stack.weight, places, path, track.trails, stack.psf_sigma_px, sums)
    if not sums[1] > 0:
        return 0.0, 0.0
    expected = track.snr * float(np.sqrt(min(sums[1] / track.template_phi.sum(), 1.0)))
    return float(sums[0] / np.sqrt(sums[1])), expected
