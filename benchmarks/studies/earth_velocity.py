"""Fit the series of :mod:`sensorproc.onboard.sky.earth_velocity` to the SOFA routine ``epv00`` again, and say how well it does.

Usage: python -m benchmarks.studies.earth_velocity [--first 2000] [--last 2060] [--terms]

``--terms`` prints the fitted terms in the form of the module's table. The comparison is of the module as it is.
"""

import argparse

import erfa
import numpy as np

from sensorproc.onboard.sky.earth_velocity import ARGUMENTS, TERMS, earth_velocity_km_s
from sensorproc.timescales import tai_ns_from_utc

N_TIMES, N_CHECKED = 9000, 2000
KM_S_PER_AU_DAY = 149_597_870.7 / 86_400.0
J2000, DAYS = 2451545.0, 36525.0
TT_MINUS_TAI_S = 32.184


def truth(centuries: np.ndarray) -> np.ndarray:
    """Barycentric velocity (n, 3) [km/s] at Julian centuries of TT (as TDB: 2 ms move the Earth's velocity by nothing)."""
    return np.asarray(erfa.epv00(J2000, centuries * DAYS)[1]["v"] * KM_S_PER_AU_DAY)


def fitted(centuries: np.ndarray) -> np.ndarray:
    """Amplitudes (terms, 2, 3) [km/s] of cosine and sine that fit best."""
    angles = np.radians(np.array([at + rate * centuries for at, rate in ARGUMENTS]))
    columns = []
    for multiples, power, _, _ in TERMS:
        phase = (np.array(multiples)[:, None] * angles).sum(axis=0)
        columns += [centuries**power * np.cos(phase), centuries**power * np.sin(phase)]
    return np.linalg.lstsq(np.stack(columns, axis=1), truth(centuries), rcond=None)[0].reshape(-1, 2, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=float, default=2000.0)
    parser.add_argument("--last", type=float, default=2060.0)
    parser.add_argument("--terms", action="store_true")
    options = parser.parse_args()
    span = np.array([options.first - 2000.0, options.last - 2000.0]) / 100.0
    if options.terms:
        for (multiples, power, _, _), (cosine, sine) in zip(TERMS, fitted(np.linspace(*span, N_TIMES)), strict=True):
            parts = ("(" + ", ".join(f"{v * 1e6:.0f}" for v in row) + ")" for row in (cosine, sine))
            print(f"    ({multiples}, {power}, {', '.join(parts)}),")
    start = tai_ns_from_utc("2000-01-01T12:00:00") - 32_000_000_000 - round(TT_MINUS_TAI_S * 1e9)
    centuries = np.linspace(*span, N_CHECKED)
    series = np.array([earth_velocity_km_s(start + round(t * DAYS * 86_400.0 * 1e9)) for t in centuries.tolist()])
    error = np.sqrt(((series - truth(centuries)) ** 2).sum(axis=1)) * 1e3
    rms = float(np.sqrt((error**2).mean()))
    print(f"{options.first:g} to {options.last:g}, n = {N_CHECKED}: rms {rms:.2f} m/s, worst {error.max():.2f}")


if __name__ == "__main__":
    main()
