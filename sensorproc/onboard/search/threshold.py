"""Where the detection threshold of a frame set is decided: by theory, corrected by null searches of the set's own pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensorproc.config import Config
from sensorproc.onboard.false_alarms import FalseAlarms, running_excess
from sensorproc.onboard.search.accept import accept
from sensorproc.onboard.search.find import find, velocity_step
from sensorproc.onboard.search.null_pixels import permuted, sign_reversed_pixels
from sensorproc.onboard.search.velocity_boxes import Box, span, velocity_area
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.stage import Do
from sensorproc.onboard.state import PayloadState
from sensorproc.theory import poisson_skewness, search_curvatures


@dataclass(frozen=True, eq=False)
class Threshold:
    """The SNR above which a track is reported, and the false alarms expected of the search.

    ``by_theory`` are those before any null search; ``null_snrs`` the tracks of the sign-reversed search, ``n_null`` of them above
    theory's own threshold.
    """

    snr: float
    false_alarms: FalseAlarms
    by_theory: FalseAlarms
    null_snrs: Sequence[float]
    n_null: int


def decide_threshold(stack: Stack, found: list[Box], state: PayloadState, config: Config, do: Do) -> Threshold:
    """The threshold for ``search.false_alarms_per_set`` false tracks in all boxes of a set, plus ``search.margin_snr``.

    Theory gives it for the velocities and pixels searched, with the skewness of the sky's photons. Whatever theory does not know
    of shows in the same search on sign-reversed pixels: tracks found there beyond those expected, or in the sets before, raise it
    (:mod:`sensorproc.onboard.false_alarms`).
    """
    asked, margin = config.search.false_alarms_per_set, config.search.margin_snr
    theory = theoretical_false_alarms(stack, found, config)
    reverse = theory.reversed()
    with sign_reversed_pixels(stack, state.warm_snr, config.match, do) as pixels:
        null_snrs = null_search(pixels, found, reverse, config, do)
    plain = reverse.threshold(asked) + margin
    corrected = theory.with_null(reverse, null_snrs, running_excess(state.null_found, state.null_expected))
    snr = corrected.threshold(asked) + margin
    return Threshold(snr, corrected, theory, null_snrs, sum(snr > plain for snr in null_snrs))


def theoretical_false_alarms(stack: Stack, found: list[Box], config: Config) -> FalseAlarms:
    """By theory, for the unmasked area and the velocities of all boxes."""
    area = float(np.mean([(w > 0).sum() for w in stack.weight]))
    searched = velocity_area(stack, found, velocity_step(stack, config.search)) if span(stack) > 0 else 0.0
    curvatures = search_curvatures(max(area, 1.0), stack.psf_sigma_px, stack.times.tolist(), searched)
    return FalseAlarms(curvatures, _skewness(stack))


def null_search(stack: Stack, found: list[Box], false: FalseAlarms, config: Config, do: Do) -> list[float]:
    """SNRs of the tracks that the same search finds where no object is, down to a few tenths of an expected one."""
    lowest = false.threshold(config.search.null_false_alarms)
    candidates, _ = find(stack, found, config, lowest - config.search.candidate_margin, do)
    tracks, _ = do(accept, stack, candidates, lowest, config.measure)
    return [track.snr for track in tracks]


def permuted_null_search(
    stack: Stack, cleaned: np.ndarray, found: list[Box], threshold: Threshold, state: PayloadState, config: Config, do: Do
) -> list[float] | None:
    """The null search in a wrong order of time, without the accepted tracks, in every ``search.permuted_every``-th set; None in
    the others. ``cleaned`` (n, ny, nx) are the pixels without the tracks."""
    every = config.search.permuted_every
    if not every or state.n_sets % every != every - 1:
        return None
    return null_search(do(permuted, stack, cleaned), found, threshold.by_theory, config, do)


def _skewness(stack: Stack) -> float:
    """Of the search's statistic: the sky's photons are Poisson, as far as the gain tells how many there are."""
    facts = stack.frames[0].facts
    read_noise_e = facts.sensor.read_noise_e or 0.0
    photons = max(facts.noise_e**2 - read_noise_e**2, 0.0) if facts.is_gain_known else 0.0
    read2 = max(facts.noise_e**2 - photons, 0.0)
    return poisson_skewness(photons, read2**0.5, stack.psf_sigma_px, len(stack.times))
