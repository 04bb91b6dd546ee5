"""How many false tracks a search makes: by theory, times what null searches of real pixels have shown theory to miss.

Null searches are the same search on pixels that hold no object. Sign-reversed residuals show whatever errs as often down as
up: wrong noise, wrong dark maps, imperfect star models; not particle hits or stars that brightened. Residuals in a wrong
order of time show what errs upwards, too: hits, photon noise; not what stands still, for that stands still in any order.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from sensorproc import theory

CHANCE = 0.02  # As many null tracks are no chance if fewer sets than this part would have them.
PRIOR = 0.1  # False alarms seen and expected before a null search: a handful of tracks decides, a single one hardly.
PRIOR_RUNNING = 3.0  # The same of the sets before.
MOST_EXCESS = 10.0  # If null tracks exceed theory more often, its tail is another one.
STRONGEST = 5  # So many of the strongest null tracks tell how wide the tail is.
HIGHEST_SNR = 37.0  # Densities beyond it underflow.
LOWEST_LOG10 = -300.0  # Lower false-alarm rates are not told apart.


@dataclass(frozen=True, eq=False)
class FalseAlarms:
    """Expected false alarms of one set's search. ``skewness`` is that of the statistic; ``excess`` multiplies theory, ``spread``
    divides SNRs before theory is asked."""

    curvatures: np.ndarray
    skewness: float
    excess: float = 1.0
    spread: float = 1.0

    def expected(self, snr: float) -> float:
        """Expected false tracks of the whole set at or above ``snr``."""
        u = min(snr / self.spread, HIGHEST_SNR)
        tail = theory.expected_false_alarms(u, self.curvatures) * math.exp(min(self.skewness * u**3 / 6.0, 50.0))
        return self.excess * max(tail, 0.0)

    def threshold(self, per_set: float) -> float:
        """SNR above which ``per_set`` false tracks are expected."""
        return self.spread * theory.threshold(per_set / self.excess, self.curvatures, self.skewness)

    def log10(self, snr: float) -> float:
        """log10 of :meth:`expected`, at most 0: the calibrated probability that a track so strong is false."""
        return min(max(math.log10(max(self.expected(snr), 1e-300)), LOWEST_LOG10), 0.0)

    def reversed(self) -> "FalseAlarms":
        """Those of sign-reversed pixels: the skewness changes its sign."""
        return replace(self, skewness=-self.skewness)

    def with_null(self, null: "FalseAlarms", snrs: Sequence[float], running: float) -> "FalseAlarms":
        """With the excess a null search of the set shows, or that of the sets before if it is higher.

        The i-th strongest null track of SNR u should come with i expected ones. The worst ratio of found over expected counts,
        of those that chance does not explain: what it explains is left to the running excess, or every other set would ask for
        more than theory. Where the ratio is beyond all measure, for more than one track, the tail is not theory's times a
        number: noise is wider than believed, in places. SNRs are then divided by what brings the strongest null tracks to
        where as many are expected.
        """
        ranked = list(enumerate(sorted(snrs, reverse=True), 1))
        due = [null.expected(snr) for _, snr in ranked]
        ratios = {
            i: (i + PRIOR) / (mean + PRIOR)
            for (i, _), mean in zip(ranked, due, strict=True)
            if special.gammainc(i, max(mean, 1e-300)) < CHANCE  # probability of i or more (Poisson)
        }
        if max((ratio for i, ratio in ratios.items() if i > 1), default=0.0) <= MOST_EXCESS:
            return replace(self, excess=max(1.0, running, min(max(ratios.values(), default=1.0), MOST_EXCESS)))
        spread = max(snr / null.threshold(float(i)) for i, snr in ranked[:STRONGEST]) if ranked else 1.0
        return replace(self, excess=min(max(running, 1.0), MOST_EXCESS), spread=max(spread, 1.0))


def running_excess(found: float, expected: float) -> float:
    """Excess over many sets of ``found`` null tracks where ``expected`` were."""
    return (found + PRIOR_RUNNING) / (expected + PRIOR_RUNNING)


def permutation(n: int) -> np.ndarray:
    """A fixed order of ``n`` frames in which no constant motion stays one for more than about a third of them.

    Multiplication by a number near n / 3 without a common divisor; reversal would not do, the search's box is symmetric.
    """
    factor = next((m for m in range(max(round(n / 3), 2), n) if math.gcd(m, n) == 1), 1)
    return (np.arange(n) * factor) % max(n, 1)
