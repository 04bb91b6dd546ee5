"""Levels of whole rows and columns: what the readout adds, and a mesh of cells cannot follow."""

import numpy as np

from sensorproc.onboard.image.background import MOMENTS_CLIP, cell_means
from sensorproc.onboard.image.lines import LineSums

MIN_LINE_PX = 64  # A row or column needs so many good pixels before its own level is trusted.
PART_PX, MIN_PART_PX = 64, 24  # Parts of a line must agree in their level; each needs so many good pixels.
LEAST_PARTS = 4  # Of so many parts one may be odd.
STANDS_OUT = 4.0  # A line's level so many sigmas of its own noise high is believed as it is.
BROKEN_LINE = 4.0  # If parts differ so many times more than usual, the line has no one level.
# Light that stands out so far is at least so many lines, and at most so many PSF sigmas, wide at this part of its highest level.
LIGHT_SIGMAS, LIGHT_LINES, LIT_FRACTION = 8.0, (3, 5.5), 0.15
SEEN = 1.5  # Lines are striped whose means scatter so many times more in variance than their pixels explain,
HARMFUL = 0.03  # and by so much of a pixel's variance: finer stripes hide no star, and go when the stars are gone.


def is_striped(image: np.ndarray, sigma: np.ndarray, flags: np.ndarray) -> bool:
    """Whether rows or columns of an image without background (ny, nx) differ by more than pixels' scatter explains, in units
    of the noise ``sigma``."""
    sums = LineSums.of(image, sigma, flags, MOMENTS_CLIP)
    own2 = sums.power  # warm pixels scatter more than the noise
    for across in (False, True):
        total, n = sums.whole(across)
        known = n >= MIN_LINE_PX
        means = total[known] / n[known]
        if len(means) < MIN_LINE_PX:
            continue
        jumps2 = 0.5 * (1.4826 * float(np.median(np.abs(np.diff(means))))) ** 2  # sky and stars change slowly
        own_mean2 = own2 / float(n[known].mean())
        if jumps2 > max(SEEN * own_mean2, own_mean2 + HARMFUL * own2):
            return True
    return False


def subtract_stripes(image: np.ndarray, flags: np.ndarray, bad: np.ndarray, s: float) -> tuple[np.ndarray, np.ndarray]:
    """Take the level of its rows and columns from the image: readout structure that a mesh cannot follow.

    ``flags`` (ny, nx) are those of pixels with starlight or ``bad``, ``s`` is the PSF's sigma [px]. Returns which rows (ny,) and
    columns (nx,) have no one level.
    """
    rows, broken_rows = line_levels(image, flags, bad, s, rows=True)
    image -= rows[:, None]
    columns, broken_columns = line_levels(image, flags, bad, s, rows=False)
    image -= columns[None, :]
    return broken_rows, broken_columns


def line_levels(image: np.ndarray, flags: np.ndarray, bad: np.ndarray, s: float, rows: bool) -> tuple[np.ndarray, np.ndarray]:
    """Level of each row or column: the mean of its parts' clipped means; zero where few pixels are good, and where the parts
    disagree: a column that is dead from some row on must not lift the part that lives. Of those, which are narrow.

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
    known = _without_odd_parts(mean, known)
    parts = np.where(known, mean, np.float32(0.0))
    n_known = known.sum(axis=0)
    level = (parts.sum(axis=0) / np.maximum(n_known, 1)).astype(np.float32)
    common = np.median(level)  # what all lines share is the background's, which is not yet known where stars crowd
    level, parts = level - common, np.where(known, parts - common, np.float32(0.0))
    filled = np.where(known, parts, level)  # a part with few good pixels says nothing
    unlike = filled.max(axis=0) - filled.min(axis=0)
    is_dead = (enough & (sigma <= 0)).any(axis=0)  # no noise at all
    is_broken = unlike > BROKEN_LINE * float(np.median(unlike))
    usable = ~is_dead & (n_known * (cuts[1] - cuts[0]) >= MIN_LINE_PX) & ~is_broken
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
    return np.where(usable, level * share, 0.0).astype(np.float32), _narrow(is_broken | is_dead)


def _narrow(lines: np.ndarray) -> np.ndarray:
    """Which of some lines (n,) bool have hardly any beside them: light of a star is as wide as its image, a defect is not."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lines.astype(np.int8), [0]])))
    narrow = np.zeros(len(lines), bool)
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if after - first < LIGHT_LINES[0]:
            narrow[max(first - 1, 0) : after + 1] = True  # charge of a defect shows beside it
    return narrow


def _without_odd_parts(mean: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which parts (m, n) of the lines are known, less the brightest of a line if it stands out of the others: a star's light."""
    if len(mean) < LEAST_PARTS:
        return known
    above = np.where(known, mean - np.median(np.where(known, mean, 0.0), axis=0), -np.inf)
    brightest, lines = np.argmax(above, axis=0), np.arange(mean.shape[1])
    peak = above[brightest, lines]
    is_odd = (peak > BROKEN_LINE * float(np.median(np.maximum(peak, 0.0)))) & (known.sum(axis=0) >= LEAST_PARTS)
    rest = known.copy()
    rest[brightest[is_odd], lines[is_odd]] = False
    return rest


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
