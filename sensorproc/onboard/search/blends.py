"""Two objects or one? Close pairs under one track, fitted together and split where the likelihood says so.

One source and two are compared on the same pixels with the same variances: besides the sky's noise those of the light itself
and of the PSF's error, so that no bright object is split into what its PSF got wrong.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from sensorproc.flags import DetectionFlag
from sensorproc.onboard.detector.projection import kept_of_frames
from sensorproc.onboard.image.matched_filter import HALF_SIGMAS
from sensorproc.onboard.kernels.blend import PARAMETERS, blend_sums, offset_sums
from sensorproc.onboard.kernels.cholesky import invert_symmetric, solve_symmetric
from sensorproc.onboard.kernels.track_fit import subtract_trail
from sensorproc.onboard.search.track import Track, matched_sums
from sensorproc.onboard.stack import Stack

SPLIT_CHI2 = 25.0  # Two sources with a common motion must fit better than one by five sigmas,
SHAPE_CHI2 = 6.25  # and than one of another shape by so much: so many PSFs wide, with so much of the trail its motion makes.
SHAPES = [(width, 1.0) for width in (1.015, 1.03, 1.05, 1.075, 1.1, 1.15, 1.2, 1.4, 1.8, 2.6)] + [(1.0, 0.0)]
MEMBER_SNR = 1.0  # SNR of each in the joint fit: of a fainter one all light may be the other's.
ELONGATED_CHI2 = 11.3  # One chance in a hundred.
LEAST_SNR = 7.0  # Fainter light is not split.
FAINTEST = 0.015  # A second source with less of the brighter one's light may be the PSF's wing,
ORDINARY_WING, WING_SHARE = 0.1, 1.5  # if that holds no more of it than usual; of what is more, so many times as much.
# The second one is looked for so far out, in such steps; what is farther is a candidate of its own.
REACH_SIGMAS, GRID_SIGMAS = 5.25, 0.75
MODEL_ERROR = 0.04  # A Gaussian errs by this part of the PSF, pixel by pixel.
CLOSE_SIGMAS, N_ANGLES = 1.2, 6  # The fit of two closer ones begins at this distance, at so many angles.
ITERATIONS = 25  # Levenberg-Marquardt steps of a joint fit.
LARGEST_STEP_SIGMAS = 0.7  # PSF widths that a source may move in one step.


@dataclass(frozen=True, eq=False)
class Cut:
    """The part of a set's pixels that a track's surroundings need, (n, ny, nx), and its corner (2,) x, y [px]."""

    stack: Stack
    image: np.ndarray
    weight: np.ndarray
    corner: np.ndarray

    @classmethod
    def around(cls, stack: Stack, image: np.ndarray, track: Track) -> "Cut":
        """Everything the light of two sources within reach of the track can touch, and of their neighbours."""
        reach = 2.0 * (2.0 * HALF_SIGMAS + REACH_SIGMAS) * stack.psf_sigma_px + float(track.trails[:, 0].max())
        low = np.maximum(np.floor(track.path.min(axis=0) - reach), 0.0).astype(int)
        high = np.maximum(np.ceil(track.path.max(axis=0) + reach), low + 1).astype(int)
        box = np.s_[:, low[1] : high[1], low[0] : high[0]]
        return cls(stack, image[box].copy(), np.ascontiguousarray(stack.weight[box]), low.astype(float))

    def path(self, source: np.ndarray) -> np.ndarray:
        """Places (n, 2) in the cut of a source: x, y, vx, vy and more."""
        return self.stack.path(*(float(v) for v in source[:4])) - self.corner

    def without(self, tracks: list[Track]) -> "Cut":
        """The cut without some tracks' light."""
        image = self.image.copy()
        for track in tracks:
            subtract(self.stack, image, track, self.corner)
        return replace(self, image=image)


def split(stack: Stack, image: np.ndarray, track: Track, most: int) -> list[Track]:
    """The objects under a track, brightest first: the track itself, or two and up to ``most``; ``image`` (n, ny, nx) holds their
    light."""
    if track.snr < LEAST_SNR or not stack.exposure_fraction > 0:  # of unknown exposure, a trail is a row of points
        return [track]
    cut = Cut.around(stack, image, track)
    whole: list[Track] = []
    waiting = [track]
    while waiting:
        one = waiting.pop()
        others = [*whole, *waiting]
        pair = _pair(cut.without(others), one) if len(others) < most - 1 else [one]
        if len(pair) == 1:
            whole += pair
        else:
            waiting += pair
    whole.sort(key=lambda t: -t.flux_e)
    return [replace(one, neighbours=tuple(t for t in whole if t is not one)) for one in whole]


def projected(stack: Stack, track: Track) -> Track:
    """The track with what the pattern, if one was solved from the set's own frames, has left of it: flux and SNR are unbiased."""
    scales = stack.pattern_scales
    if scales is None:
        return track
    pattern = scales, stack.pattern_prior
    kept = kept_of_frames(track.path, track.trails, track.phi, stack.taught_at(track.path), stack.psf_sigma_px, pattern)
    phi = track.phi * kept
    total = float(phi.sum())
    if not total > 0.0:
        return track
    left = total / float(track.phi.sum())
    candidate = replace(track.candidate, snr=track.snr / float(np.sqrt(left)))
    return replace(track, candidate=candidate, flux_e=track.flux_e / left, phi=phi, cov=track.cov / left, kept=kept)


def subtract(stack: Stack, image: np.ndarray, track: Track, corner: np.ndarray | None = None) -> None:
    """Take a track's light out of an image in place, in every frame as much as there is of it."""
    for k in range(len(track.path)):
        subtract_in(stack, image[k], track, k, corner)


def subtract_in(stack: Stack, image: np.ndarray, track: Track, k: int, corner: np.ndarray | None = None) -> None:
    """The same of frame ``k`` alone; ``corner`` (2,) is where the image begins."""
    s = stack.psf_sigma_px
    x, y = track.path[k] if corner is None else track.path[k] - corner
    flux = track.psi[k] / track.phi[k] if track.phi[k] > 0 else track.flux_e
    subtract_trail(image, x, y, flux, *track.trails[k], s, 2 * HALF_SIGMAS * s)


def _pair(cut: Cut, track: Track) -> list[Track]:
    """The two objects under a track, or the one, flagged if it is elongated."""
    one, chi2_one, _ = _fit(cut, _source(track)[None], np.eye(PARAMETERS), track)
    fits = [_fit(cut, start, _common_motion(), track) for start in (_close_start(cut, one[0], track), *_wide_starts(cut, track))]
    two, chi2_two, excess = min(fits, key=lambda fit: fit[1])
    gain = (chi2_one - chi2_two) / excess * _own_light(two, cut.stack) ** 2  # what no model explains is noise to all of them
    if not _are_two(two, cut.stack) or gain < SPLIT_CHI2:
        return [replace(track, flags=track.flags | int(DetectionFlag.ELONGATED))] if gain > ELONGATED_CHI2 else [track]
    other = min(_fit(cut, one, np.eye(PARAMETERS), track, shape)[1] for shape in SHAPES)
    if other - chi2_two < SHAPE_CHI2 * excess:
        return [track]  # of another shape, not two
    free, _, _ = _fit(cut, two, np.eye(2 * PARAMETERS), track)
    return _tracks(cut, free if _are_two(free, cut.stack) else two, track)


def _are_two(sources: np.ndarray, stack: Stack) -> bool:
    apart = float(np.hypot(*(sources[0, :2] - sources[1, :2])))
    beyond = 1.0 - stack.psf_flux_ratio - ORDINARY_WING
    faintest = max(FAINTEST, WING_SHARE * max(beyond, stack.registrations[0].sidelobe)) * float(sources[:, 4].max())
    return bool(sources[:, 4].min() > faintest and apart < 1.5 * REACH_SIGMAS * stack.psf_sigma_px)


def _own_light(sources: np.ndarray, stack: Stack) -> float:
    """Part of the fainter source's light that cannot be the brighter one's sidelobe."""
    faint, bright = float(sources[:, 4].min()), float(sources[:, 4].max())
    return max(1.0 - stack.registrations[0].sidelobe * bright / faint, 0.0) if faint > 0.0 else 0.0


def _source(track: Track) -> np.ndarray:
    """x, y, vx, vy, flux (5,) of a track."""
    c = track.candidate
    return np.array([c.x_px, c.y_px, c.vx_px_frame, c.vy_px_frame, track.flux_e])


def _close_start(cut: Cut, one: np.ndarray, track: Track) -> np.ndarray:
    """Two equal sources (2, 5) on either side of one, in the direction in which they fit best."""
    half = 0.5 * CLOSE_SIGMAS * cut.stack.psf_sigma_px
    starts = []
    for angle in np.arange(N_ANGLES) * np.pi / N_ANGLES:
        step = half * np.array([np.cos(angle), np.sin(angle), 0.0, 0.0, 0.0])
        starts.append(np.stack([one + step, one - step]) * [1.0, 1.0, 1.0, 1.0, 0.5])
    return min(starts, key=lambda start: float(_sums(cut, start, track, track.flux_e)[1][-2]))


def _wide_starts(cut: Cut, track: Track) -> list[np.ndarray]:
    """Two sources (2, 5) on a grid around the track with its motion that fit best together; none if no two do."""
    s = cut.stack.psf_sigma_px
    n = round(REACH_SIGMAS / GRID_SIGMAS)
    axis = np.arange(-n, n + 1) * GRID_SIGMAS * s
    offsets = np.stack(np.meshgrid(axis, axis, indexing="xy"), axis=-1).reshape(-1, 2)
    psi, phi = np.empty(len(offsets)), np.empty(len(offsets))
    half = HALF_SIGMAS * s
    path = track.path - cut.corner
    offset_sums(cut.image, cut.weight, path, track.trails, s, half, offsets, track.flux_e, MODEL_ERROR, psi, phi)
    apart = offsets[:, None, :] - offsets[None, :, :]
    alike = overlap(apart, track.trails[len(track.trails) // 2], s)
    np.fill_diagonal(alike, 0.0)
    cross = alike * np.sqrt(np.outer(phi, phi))
    free = np.outer(phi, phi) - cross**2
    np.fill_diagonal(free, np.inf)
    # of the row's source beside the column's
    flux = (psi[:, None] * phi[None, :] - psi[None, :] * cross) / np.maximum(free, 1e-30)
    gain = np.where((flux > 0) & (flux.T > 0) & (free > 0), flux * psi[:, None] + flux.T * psi[None, :], -np.inf)
    i, j = (int(v) for v in np.unravel_index(np.argmax(gain), gain.shape))
    if not np.isfinite(gain[i, j]):
        return []
    pair = np.stack([_source(track), _source(track)])
    pair[:, :2] += offsets[[i, j]]
    pair[:, 4] = flux[i, j], flux[j, i]
    return [pair]


def overlap(apart: np.ndarray, trail: np.ndarray, s: float) -> np.ndarray:
    """How alike two equal trails' images are at displacements ``apart`` (..., 2): their product over that of one with itself.

    Across, two Gaussians; along, two boxes of the trail's length blurred by them: the second difference of the Gaussian's second
    integral.
    """
    length, cos, sin = (float(v) for v in trail)
    along, across = apart[..., 0] * cos + apart[..., 1] * sin, apart[..., 1] * cos - apart[..., 0] * sin
    width = np.sqrt(2.0) * s
    wide = np.exp(-0.5 * (across / width) ** 2)
    if length < 0.2 * s:
        return np.asarray(wide * np.exp(-0.5 * (along / width) ** 2))

    def twice(u: np.ndarray) -> np.ndarray:
        return np.asarray(u * special.ndtr(u / width) + width / np.sqrt(2.0 * np.pi) * np.exp(-0.5 * (u / width) ** 2))

    def boxes(u: np.ndarray) -> np.ndarray:
        return twice(u + length) - 2.0 * twice(u) + twice(u - length)

    return np.asarray(wide * boxes(along) / boxes(np.zeros(1)))


def _common_motion() -> np.ndarray:
    """Matrix (10, 8) from x, y, flux of both and one velocity to all parameters of two sources."""
    matrix = np.zeros((2 * PARAMETERS, 8))
    for source in (0, 1):
        for row, column in ((0, 0), (1, 1), (4, 2)):
            matrix[PARAMETERS * source + row, 3 * source + column] = 1.0
        matrix[PARAMETERS * source + 2, 6] = matrix[PARAMETERS * source + 3, 7] = 1.0
    return matrix


def _sums(
    cut: Cut, sources: np.ndarray, track: Track, light: float, shape: tuple[float, float] = (1.0, 1.0)
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Equations of all sources on the pixels around the track; ``light`` [e-] of it counts in the variances. ``shape``: width
    in PSFs, and length in the motion's trails."""
    paths = np.stack([cut.path(source) for source in sources])
    normal, rhs = np.zeros((sources.size, sources.size)), np.zeros(sources.size + 2)
    s, fluxes = cut.stack.psf_sigma_px, np.ascontiguousarray(sources[:, 4])
    half, (width, part) = (HALF_SIGMAS + REACH_SIGMAS) * s, shape
    one = np.column_stack([track.path - cut.corner, track.trails])
    blend_sums(
        cut.image, cut.weight, paths, cut.stack.times, width * s, part, half, fluxes, one, s, light, MODEL_ERROR, normal, rhs
    )
    return normal + np.tril(normal, -1).T, rhs


def _fit(
    cut: Cut, sources: np.ndarray, free: np.ndarray, track: Track, shape: tuple[float, float] = (1.0, 1.0)
) -> tuple[np.ndarray, float, float]:  # fmt: skip
    """Sources (m, 5) of least chi-squared near a first guess, that, and how much it is over one a pixel; ``free`` (5 m, p) maps
    what is fitted to parameters."""
    limit = LARGEST_STEP_SIGMAS * cut.stack.psf_sigma_px
    normal, rhs = _sums(cut, sources, track, track.flux_e, shape)
    damping = 1e-3
    for _ in range(ITERATIONS):
        reduced = np.einsum("ai,ab,bj->ij", free, normal, free)
        reduced[np.diag_indices_from(reduced)] *= 1.0 + damping
        step, lower = np.zeros(len(reduced)), np.zeros_like(reduced)
        if not solve_symmetric(reduced, np.einsum("ai,a->i", free, rhs[:-2]), lower, step):
            damping = max(10.0 * damping, 1e-2)
            if damping > 1e6:
                break
            continue
        moved = np.einsum("ai,i->a", free, step).reshape(sources.shape)
        farthest = float(np.abs(moved[:, :2]).max())
        trial = sources + moved * min(1.0, limit / max(farthest, 1e-12))
        next_normal, next_rhs = _sums(cut, trial, track, track.flux_e, shape)
        if next_rhs[-2] < rhs[-2]:
            gained, sources, normal, rhs = rhs[-2] - next_rhs[-2], trial, next_normal, next_rhs
            damping *= 0.3
            if gained < 1e-3:
                break
        else:
            damping = max(10.0 * damping, 1e-2)
            if damping > 1e6:
                break
    return sources, float(rhs[-2]), max(float(rhs[-2] / rhs[-1]), 1.0)


def _tracks(cut: Cut, sources: np.ndarray, track: Track) -> list[Track]:
    """A track of each source, its errors those of the joint fit: what one could be, the other may have."""
    normal, _ = _sums(cut, sources, track, 0.0)
    inverse = np.zeros_like(normal)
    if not invert_symmetric(normal, inverse):
        return [track]
    s = cut.stack.psf_sigma_px
    paths = [cut.path(source) for source in sources]
    found = []
    for i, (x, y, vx, vy, flux) in enumerate(sources.tolist()):
        alone, other = cut.image.copy(), 1 - i
        for k, (u, v) in enumerate(paths[other]):
            subtract_trail(alone[k], u, v, float(sources[other, 4]), *track.trails[k], s, 2 * HALF_SIGMAS * s)
        psi, phi = (one.copy() for one in matched_sums(alone, cut.weight, paths[i], track.trails, s))
        own = PARAMETERS * i + 4
        share = 1.0 / (normal[own, own] * inverse[own, own])  # of what it would tell of its flux if it were alone
        block = slice(PARAMETERS * i, PARAMETERS * i + 4)
        snr = flux * float(np.sqrt(max(share * phi.sum(), 0.0)))
        candidate = replace(track.candidate, x_px=x, y_px=y, vx_px_frame=vx, vy_px_frame=vy, snr=snr)
        flags = track.flags | int(DetectionFlag.BLEND)
        member = Track(candidate, flux, psi, phi, inverse[block, block], paths[i] + cut.corner, track.trails, flags, share)
        found.append(projected(cut.stack, member))
    return found if min(member.snr for member in found) >= MEMBER_SNR else [track]
