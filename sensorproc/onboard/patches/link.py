"""Link the bright patches of single frames to objects that move among the stars."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sensorproc.config import Patches
from sensorproc.flags import PixelFlag
from sensorproc.onboard.patches.find import Patch, find_patches
from sensorproc.onboard.products import MIN_FRAMES, MIN_SEEN_FRACTION, Registered, freeze
from sensorproc.onboard.stage import stage
from sensorproc.onboard.straight_line import StraightLine, straight_line
from sensorproc.onboard.threads import each

SAME_SIZE = 2.0  # Areas may differ so many times from frame to frame.
LINK_PX, LINK_FRACTION = 2.0, 0.1  # from a straight motion, and of a patch's size
MOVED_SIGMAS, MOVED_FRACTION = 4.0, 0.1  # A patch must move so many PSF widths, and so much of its own size, among the stars.
STAYS_FRACTION = 0.25  # of that, on either side: half of the way of what has moved just enough.
AROUND_SIGMAS = 6.0  # So much of the PSF around a patch is taken out with it.
LIGHT_HALVES = 1.3  # A patch's light reaches so many of its half-widths from its middle.
BESIDE_SIGMAS = 12.0  # A faint track so near to it [PSF widths] is its halo.


@dataclass(frozen=True, eq=False)
class BrightTrack:
    """Patches of one moving object by frame of the set (None where it is not seen), and its line in the registered plane."""

    patches: tuple[Patch | None, ...]
    line: StraightLine


@stage(bytes_px=12)
def bright_objects(frames: list[Registered], config: Patches) -> tuple[list[BrightTrack], list[Registered]]:
    """Moving patches, and the frames with these taken out: their pixels flagged, the light around them set to the background."""
    if len(frames) < MIN_FRAMES:
        return [], frames
    patches = each(lambda f: find_patches(f.flattened, f.psf_sigma_px, f.trail.length_px, config), frames)
    tracks = link(patches, frames)
    if not tracks:
        return [], frames
    masked = [_without(frame, [t.patches[k] for t in tracks]) for k, frame in enumerate(frames)]
    return tracks, masked


def is_beside(path: np.ndarray, s: float, tracks: Sequence[BrightTrack]) -> bool:
    """Whether a path (n, 2) keeps to the edge of a bright object: what shines there is its own halo. ``s``
    is the PSF's sigma [px]."""
    for track in tracks:
        seen = [(k, patch) for k, patch in enumerate(track.patches) if patch is not None]
        gaps = [np.hypot(path[k, 0] - p.x, path[k, 1] - p.y) - LIGHT_HALVES * max(p.half_x, p.half_y) for k, p in seen]
        if float(np.median(gaps)) < BESIDE_SIGMAS * s:
            return True
    return False


def link(patches: Sequence[Sequence[Patch]], frames: list[Registered]) -> list[BrightTrack]:
    """Patches of most frames on one straight motion that is not the stars', largest first.

    At least three of them are no points: an object at the limit of what can be told from one is one in the other frames.
    """
    times = np.array([f.t_frames for f in frames])
    places = [
        np.array([f.transform.to_registered(np.float64(p.x), np.float64(p.y)) for p in found]).reshape(-1, 2)
        for f, found in zip(frames, patches, strict=True)
    ]
    needed = max(MIN_FRAMES, int(np.ceil(MIN_SEEN_FRACTION * len(frames))))
    used = [np.zeros(len(found), bool) for found in patches]
    tracks = []
    for a in range(len(frames) - needed + 1):
        for i, patch in enumerate(patches[a]):
            if used[a][i] or not patch.is_no_point:
                continue
            members = _longest(places, patches, used, times, (a, i))
            sure = sum(patches[k][m].is_no_point for k, m in members.items())
            track = _track(members, patches, places, frames) if len(members) >= needed and sure >= MIN_FRAMES else None
            if track is not None:
                tracks.append(track)
                for k, m in members.items():
                    used[k][m] = True
    return tracks


def _alike(patch: Patch, others: Sequence[Patch]) -> np.ndarray:
    """Which of the others (m,) bool are about as large as a patch."""
    ratio = patch.area / np.array([other.area for other in others]).reshape(-1)
    return (ratio > 1.0 / SAME_SIZE) & (ratio < SAME_SIZE)


def _longest(
    places: list[np.ndarray], patches: Sequence[Sequence[Patch]], used: list[np.ndarray], times: np.ndarray,
    first: tuple[int, int],
) -> dict[int, int]:  # fmt: skip
    """Of the lines through a patch and one of a later frame that is no point, the one along which most frames have a patch, which
    is the nearest to it there: which of them, by frame."""
    a, i = first
    alike = [_alike(patches[a][i], found) for found in patches]
    ends = [
        (b, j) for b in range(a + 1, len(patches))
        for j, other in enumerate(patches[b]) if other.is_no_point and alike[b][j] and not used[b][j]
    ]  # fmt: skip
    if not ends:
        return {}
    gone = np.array([(places[b][j] - places[a][i]) / (times[b] - times[a]) for b, j in ends])
    members = np.full((len(ends), len(places)), -1)
    for k, here in enumerate(places):
        if not len(here):
            continue
        there = places[a][i] + gone * (times[k] - times[a])
        gaps = np.hypot(*(here[None, :] - there[:, None]).transpose(2, 0, 1))
        m = np.argmin(gaps, axis=1)
        reach = LINK_PX + LINK_FRACTION * np.sqrt([patch.area for patch in patches[k]])
        near = (gaps[np.arange(len(ends)), m] <= reach[m]) & ~used[k][m] & alike[k][m]
        members[near, k] = m[near]
    best = members[int(np.argmax((members >= 0).sum(axis=1)))]
    return {k: int(m) for k, m in enumerate(best) if m >= 0}


def _track(
    members: dict[int, int], patches: Sequence[Sequence[Patch]], places: list[np.ndarray], frames: list[Registered]
) -> BrightTrack | None:
    """The straight line through the patches; None if it is the stars'.

    A star's patch that is cut, or run together with another, in some of the frames lies elsewhere in these: what moves is not in
    half of the frames at one place.
    """
    keys = sorted(members)
    mine = [patches[k][members[k]] for k in keys]
    t = np.array([frames[k].t_frames for k in keys])
    xy = np.array([places[k][members[k]] for k in keys])
    variance = np.array([p.variance for p in mine]) + np.array([frames[k].rms_px ** 2 for k in keys])[:, None]
    line = straight_line(t, xy, variance)
    least = MOVED_SIGMAS * frames[0].psf_sigma_px + MOVED_FRACTION * float(np.sqrt(np.median([p.area for p in mine])))
    stays = np.hypot(*(xy[:, None] - xy[None, :]).transpose(2, 0, 1)) < STAYS_FRACTION * least
    if stays.mean(axis=1).max() >= 0.5 or float(np.hypot(*line.motion[2:])) * float(t.max() - t.min()) < least:
        return None
    everywhere = tuple(patches[k][members[k]] if k in members else None for k in range(len(frames)))
    return BrightTrack(everywhere, line)


def _without(frame: Registered, patches: list[Patch | None]) -> Registered:
    """The frame, in its own arrays, with the patches' pixels flagged and dark, and without the stars among them."""
    flat = frame.flattened
    image, weight, flags = flat.image_e, flat.weight, flat.flags.copy()
    ny, nx = image.shape
    y, x = np.ogrid[:ny, :nx]
    for patch in patches:
        if patch is None:
            continue
        around = AROUND_SIGMAS * frame.psf_sigma_px
        reach_x, reach_y = LIGHT_HALVES * patch.half_x + around, LIGHT_HALVES * patch.half_y + around
        inside = ((x - patch.x) / reach_x) ** 2 + ((y - patch.y) / reach_y) ** 2 < 1.0
        flags[inside] |= np.uint8(PixelFlag.STAR_CORE)
        image[inside] = weight[inside] = 0.0
    freeze(flags)
    stars = frame.stars
    at_stars = flags[np.rint(stars[:, 1]).astype(int).clip(0, ny - 1), np.rint(stars[:, 0]).astype(int).clip(0, nx - 1)]
    kept = stars[(at_stars & np.uint8(PixelFlag.STAR_CORE)) == 0]
    return replace(frame, flattened=replace(flat, flags=flags), stars=kept)
