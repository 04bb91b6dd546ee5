"""Is the background zero and the noise as claimed? Over star-free pixels of made-up skies, flat and under a gradient.

Usage: python -m benchmarks.studies.noise_model [--sets 10] [--gradient 10] [--seed 1]

The gradient is given in sigmas of the darkest sky across the field. ``bias`` is the mean of image over claimed noise within
the clip of :mod:`sensorproc.onboard.image.background`; ``claimed / true`` compares the claimed noise with that of photons and
read-out. Both are given for all pixels and for the worst sixteenth of the field: a strip across the gradient.
"""

import argparse
from dataclasses import replace

import numpy as np

from sensorproc.config import Config
from sensorproc.onboard.image.background import MOMENTS_CLIP, MOMENTS_RMS
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.products import Residual
from sensorproc.onboard.state import PayloadState
from tests.skies.cases import BODY_FIXED, SIDEREAL, Case
from tests.skies.frames import frames_of

STARLIT, N_STRIPS = 0.05, 16


def measured(case: Case) -> np.ndarray:
    """Sums (strips, 5) over the set: pixels within the clip, their SNR and its square, claimed over true noise, all pixels."""
    processed, _ = process_set(frames_of(case), PayloadState(), None, Config())
    nx = case.shape[1]
    electrons = case.sky_e + case.gradient_e * np.linspace(0.0, 1.0, nx)
    true = np.sqrt(electrons + case.read_noise_e**2 + case.gain_e_per_dn**2 / 12.0)
    return np.sum([_of_frame(residual, true) for residual in processed.residuals], axis=0)


def _of_frame(residual: Residual, true: np.ndarray) -> np.ndarray:
    good = (residual.weight > 0) & (residual.star_snr < STARLIT)
    root = np.sqrt(residual.weight)
    snr = residual.image_e * root
    inner = good & (np.abs(snr) < MOMENTS_CLIP)
    ratio = np.where(good, 1.0 / (np.maximum(root, 1e-9) * true), 0.0)
    columns = np.stack([inner.sum(0), (snr * inner).sum(0), (snr**2 * inner).sum(0), ratio.sum(0), good.sum(0)], axis=1)
    return np.array([strip.sum(axis=0) for strip in np.array_split(columns, N_STRIPS)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--gradient", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| sky | sets | bias [sigma] | worst strip | rms of SNR | worst strip | claimed / true noise | worst strip |")
    print("|---|---|---|---|---|---|---|---|")
    for name, like in (("stare", SIDEREAL), ("body-fixed", BODY_FIXED)):
        for gradient in (0.0, options.gradient):
            case = replace(like, shape=(512, 512), n_frames=16, n_stars=240, targets=(), n_hot=0)
            case = replace(case, gradient_e=gradient * float(np.hypot(np.sqrt(case.sky_e), case.read_noise_e)))
            sums = np.sum([measured(replace(case, seed=options.seed + k)) for k in range(options.sets)], axis=0)
            total = sums.sum(axis=0)
            rows = [total, *sums]
            bias = [row[1] / row[0] for row in rows]
            rms = [np.sqrt(row[2] / row[0]) / MOMENTS_RMS for row in rows]
            ratio = [row[3] / row[4] for row in rows]
            worst = [max(v[1:], key=lambda x, e=e: abs(x - e)) for v, e in ((bias, 0.0), (rms, 1.0), (ratio, 1.0))]
            print(
                f"| {name}, gradient {gradient:g} sigma | {options.sets} | {bias[0]:+.4f} | {worst[0]:+.4f} | {rms[0]:.4f} | "
                f"{worst[1]:.4f} | {ratio[0]:.4f} | {worst[2]:.4f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
