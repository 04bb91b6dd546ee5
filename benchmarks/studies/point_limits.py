"""How well points are measured against the Cramer-Rao bounds, and whether the claimed errors are true.

Usage: python -m benchmarks.studies.point_limits [--sets 10] [--seed 1] [--rho 8 10 14 20 40 80]
    [--movers 12] [--stars 100] [--speed V]

Made-up stares of 320 x 320 px, 16 frames, up to twelve single objects a set of SNR ``rho`` over it, 0.6 to 2 px/frame or all at
one speed. Bounds are those of a known PSF; along its trail of length L a point is sqrt(1 + L^2 / 12 s^2) times wider. Ratios are
rms over bound of who was found; chi-squared is that of the claimed sigmas, 1 if they are true: places and fluxes of frames, rates
of tracklets.
"""

import argparse
from collections import defaultdict
from dataclasses import replace

import numpy as np

from sensorproc.config import Config
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.products import Tracklet
from sensorproc.onboard.state import PayloadState
from sensorproc.theory import point_bound, sampled_sigma
from tests.skies.cases import Case, Target, target_path
from tests.skies.frames import frames_of
from tests.skies.pairs import SKY, sky

NEAR_PX = 3.0
MEASURED_SNR = 7.0  # of one frame, from which its own place is fitted


def with_movers(case: Case, n: int, n_stars: int, speed: float | None) -> Case:
    """The sky with about ``n`` of its objects, all as fast as ``speed`` [px/frame] if given, at their places in mid-set."""
    middle, targets = 0.5 * (case.n_frames - 1), []
    for t in case.targets[:: max(len(case.targets) // n, 1)]:
        part = speed / float(np.hypot(t.vx, t.vy)) if speed else 1.0
        x, y = t.x + middle * t.vx * (1.0 - part), t.y + middle * t.vy * (1.0 - part)
        targets.append(replace(t, x=x, y=y, vx=t.vx * part, vy=t.vy * part))
    return replace(case, n_stars=n_stars, targets=tuple(targets))


def rows_of(case: Case, rho: float) -> list[dict[str, list[float]]]:
    """Squares of errors over bounds and over claims of every object found."""
    dark = PayloadState(np.zeros(case.shape, np.float32))  # without one, the median of the frames takes a tenth of slow objects
    processed, _ = process_set(frames_of(case), dark, None, Config())
    return [row for target in case.targets if (row := _measured(case, target, processed.tracklets, rho))]


def _measured(case: Case, target: Target, tracklets: tuple[Tracklet, ...], rho: float) -> dict[str, list[float]]:
    path = target_path(case, target)
    for tracklet in tracklets:
        error = np.array([(m.x_px, m.y_px) - path[m.frame_index] for m in tracklet.members])
        if np.hypot(*error.T).mean() < NEAR_PX:
            return _ratios(case, target, tracklet, error, rho)
    return {}


def _ratios(case: Case, target: Target, tracklet: Tracklet, error: np.ndarray, rho: float) -> dict[str, list[float]]:
    s, n = sampled_sigma(case.psf_sigma_px), case.n_frames
    trail = float(np.hypot(target.vx, target.vy)) * case.exposure_s / case.cadence_s
    bound = point_bound(rho, s) * np.sqrt(0.5 * (2.0 + trail**2 / (12.0 * s * s)))  # rms of both axes
    times = np.arange(n) - float(np.mean(np.arange(n)))
    rate = np.array([tracklet.vx_px_frame - target.vx, tracklet.vy_px_frame - target.vy])
    own = np.array([m.snr >= MEASURED_SNR for m in tracklet.members])
    claims = np.array([(m.cov_px2[0], m.cov_px2[2]) for m in tracklet.members])
    flux, sigma = (np.array([getattr(m, name) for m in tracklet.members]) for name in ("flux_e", "sigma_flux_e"))
    middle = error.mean(axis=0)
    return {
        "place": ((middle / bound) ** 2).tolist(),
        "rate": ((rate / bound * float(np.std(times))) ** 2).tolist(),
        "frame": ((error[own] / (bound * np.sqrt(n))) ** 2).ravel().tolist(),
        "flux": [((flux.mean() / target.flux_e - 1.0) * rho) ** 2],
        "bias": [flux.mean() / target.flux_e - 1.0],
        "off": middle.tolist(),
        "chi2 frame": (error[own] ** 2 / claims[own]).ravel().tolist(),
        "chi2 rate": (rate**2 / np.diag(tracklet.cov)[2:]).tolist(),
        "chi2 flux": ((flux - target.flux_e) ** 2 / sigma**2).tolist(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rho", type=float, nargs="+", default=[8.0, 10.0, 14.0, 20.0, 40.0, 80.0])
    parser.add_argument("--movers", type=int, default=12)
    parser.add_argument("--stars", type=int, default=SKY.n_stars)
    parser.add_argument("--speed", type=float)
    options = parser.parse_args()
    names = ("place", "rate", "frame", "flux"), ("chi2 frame", "chi2 rate", "chi2 flux")
    columns = "found", "place / bound", "rate", "place in one frame", "flux", "flux off", "place off [px]", "chi2 place", "rate"
    print(f"| rho | {' | '.join(columns)} | flux |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for rho in options.rho:
        skies = [sky(options.seed + k, rho, 0.0, False, 1.0) for k in range(options.sets)]
        skies = [with_movers(case, options.movers, options.stars, options.speed) for case in skies]
        found = [row for case in skies for row in rows_of(case, rho)]
        total: dict[str, list[float]] = defaultdict(list)
        for row in found:
            for name, values in row.items():
                total[name] += values
        ratios = [f"{np.sqrt(np.mean(total[name])):.2f}" if total[name] else "-" for name in names[0]]
        claims = [f"{np.mean(total[name]):.2f}" if total[name] else "-" for name in names[1]]
        off = f"{np.mean(total['bias']):+.3f} | {np.mean(total['off']):+.3f}"
        n = sum(len(case.targets) for case in skies)
        print(f"| {rho:g} | {len(found)}/{n} | {' | '.join(ratios)} | {off} | {' | '.join(claims)} |", flush=True)


if __name__ == "__main__":
    main()
