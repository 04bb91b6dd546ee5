"""Where the detection threshold of a frame set is decided: by theory, corrected by null searches of the set's own pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensorproc.config import Config
from sensorproc.onboard.false_alarms import FalseAlarms, running_excess
from sensorproc.onboard.products import Candidate
from sensorproc.onboard.search.find import find, velocity_step
from sensorproc.onboard.search.null_search import dark_outliers_hidden, null_tracks, sign_reversed_pixels
from sensorproc.onboard.search.velocity_boxes import Box, span, velocity_area
from sensorproc.onboard.stack import Stack
from sensorproc.onboard.stage import Do
from sensorproc.onboard.state import PayloadState
from sensorproc.theory import poisson_skewness, search_curvatures


@dataclass(frozen=True, eq=False)
class Threshold:
    """The SNR above which a track is reported, and the false alarms expected of the search.

    ``null_snrs`` are the tracks of the sign-reversed search, ``n_null`` of them above theory's own threshold;
    ``lowest_permuted`` is the SNR from which tracks of a search in a wrong order of time count.
    """

    snr: float
    false_alarms: FalseAlarms
    null_snrs: Sequence[float]
    n_null: int
    lowest_permuted: float


def find_and_decide(
    stack: Stack, boxes: list[Box], state: PayloadState, config: Config, do: Do
) -> tuple[Threshold, list[Candidate], int]:
    """The threshold for ``search.false_alarms_per_set`` false tracks in all boxes of a set, plus ``search.margin_snr``; the
    candidates that may reach it, and the number of velocities summed.

    Theory gives it for the velocities and pixels searched, with the skewness of the sky's photons. Whatever theory does not know
    of shows in the same search on sign-reversed pixels: tracks found there beyond those expected, or in the sets before, raise it
    (:mod:`sensorproc.onboard.false_alarms`).
    """
    asked, margin, below = config.search.false_alarms_per_set, config.search.margin_snr, config.search.candidate_margin
    theory = theoretical_false_alarms(stack, boxes, config)
    reverse = theory.reversed()  # the skewness of photons changes its sign with the pixels
    counted = config.search.null_false_alarms  # expected tracks, down to which null tracks are counted
    lowest, lowest_permuted = reverse.threshold(counted), theory.threshold(counted)
    with dark_outliers_hidden(stack, state.warm_snr, config.cosmic_rays, do):
        found = find(stack, boxes, config, min(lowest, theory.threshold(asked) + margin) - below, do)
        with sign_reversed_pixels(stack) as pixels:
            dark = [c for c in found.dark if c.snr >= lowest - below]
            null_snrs = null_tracks(pixels, dark, lowest, config, do)
    plain = reverse.threshold(asked) + margin
    corrected = theory.with_null(reverse, null_snrs, running_excess(state.null_found, state.null_expected))
    snr = corrected.threshold(asked) + margin
    threshold = Threshold(snr, corrected, null_snrs, sum(snr > plain for snr in null_snrs), lowest_permuted)
    return threshold, [c for c in found.bright if c.snr >= snr - below], found.n_velocities


def theoretical_false_alarms(stack: Stack, found: list[Box], config: Config) -> FalseAlarms:
    """By theory, for the unmasked area and the velocities of all boxes."""
    area = float(np.mean([(w > 0).sum() for w in stack.weight]))
    searched = velocity_area(stack, found, velocity_step(stack, config.search)) if span(stack) > 0 else 0.0
    curvatures = search_curvatures(max(area, 1.0), stack.psf_sigma_px, stack.times.tolist(), searched)
    return FalseAlarms(curvatures, _skewness(stack))


def _skewness(stack: Stack) -> float:
    """Of the search's statistic: the sky's photons are Poisson, as far as the gain tells how many there are."""
    facts = stack.facts
    read_noise_e = facts.sensor.read_noise_e or 0.0
    photons = max(facts.noise_e**2 - read_noise_e**2, 0.0) if facts.is_gain_known else 0.0
    read2 = max(facts.noise_e**2 - photons, 0.0)
    return poisson_skewness(photons, read2**0.5, stack.psf_sigma_px, len(stack.times))
