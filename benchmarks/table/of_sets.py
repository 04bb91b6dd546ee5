"""Cases of a frame set: registration, lines, the search of velocities, and the whole chain."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from benchmarks.search_cost import residuals
from benchmarks.table.arrays import made_up
from benchmarks.table.case import OURS, Case, alike
from benchmarks.table.of_frames import S
from benchmarks.table.peers import hooked, with_peers
from sensorproc.config import Config, Register, Search, Streaks
from sensorproc.onboard.image.matched_filter import filtered, template
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.products import Trail
from sensorproc.onboard.registration.register import register
from sensorproc.onboard.search.find import search
from sensorproc.onboard.search.velocity_boxes import Box, detector_rest
from sensorproc.onboard.state import PayloadState
from sensorproc.onboard.streaks.line_search import search_lines
from sensorproc.timescales import NS_PER_S
from tests.skies.frames import made_up_frames

STEP_PX = (1.37, -0.81)  # of the stars from one frame to the next
FWHM_PX = 2.0
N_FRAMES = 16
PLAIN_VELOCITIES = 24  # that numpy sums, at whole pixels


def cases(side: int) -> list[Case]:
    """All of them: frames of ``side`` x ``side`` px, sets of half of that."""
    return [_registration(side), _lines(side), _search(max(side // 2, 128)), _whole(max(side // 2, 256))]


def _registration(side: int) -> Case:
    """Four frames of drifting stars, each placed on the first; phase correlation takes them pair by pair."""
    n = 4
    frames = [made_up(side, 3, (k * STEP_PX[0], k * STEP_PX[1])).flattened() for k in range(n)]
    timed = [
        replace(frame, facts=replace(frame.facts, index=k, t_mid_tai_ns=k * NS_PER_S, exposure_s=0.001))
        for k, frame in enumerate(frames)
    ]
    window = cv2.createHanningWindow((side, side), cv2.CV_32F)
    middle = np.float64((side - 1) / 2)

    def ours() -> np.ndarray:
        placed, _ = register(list(timed), Register(), None, FWHM_PX, 1.0)
        reference = min(range(len(placed)), key=lambda k: abs(placed[k].t_frames))
        places = np.array([one.transform.to_detector(middle, middle) for one in placed], float)
        return np.diff(places - places[reference], axis=0)

    def by_phase() -> np.ndarray:
        images = [np.clip(frame.image_e, -50.0, 500.0) for frame in frames]
        return np.array([cv2.phaseCorrelate(a, b, window)[0] for a, b in zip(images, images[1:], strict=False)])

    def by_skimage() -> np.ndarray:
        from skimage.registration import phase_cross_correlation

        images = [np.clip(frame.image_e, -50.0, 500.0) for frame in frames]
        shifts = [phase_cross_correlation(b, a, upsample_factor=100)[0] for a, b in zip(images, images[1:], strict=False)]
        return np.array(shifts)[:, ::-1]

    def judge(answers: Mapping[str, Any]) -> dict[str, str]:
        errors = {name: float(np.sqrt(np.mean((found - STEP_PX) ** 2))) for name, found in answers.items()}
        assert errors[OURS] < 0.05, errors
        return {name: f"{error:.4f} px rms an axis" for name, error in errors.items()}

    ways = with_peers({OURS: ours, "cv2.phaseCorrelate": by_phase}, skimage=("skimage", by_skimage))
    per_frame = dict.fromkeys(ways, float(n - 1)) | {OURS: float(n)}
    return Case("registration", "frames", per_frame, ways, judge, ("cv2.phaseCorrelate", 1.0 / 3.0))


def _lines(side: int) -> Case:
    """Lines of every length and angle in a filtered frame with one faint streak."""
    rng, length = np.random.default_rng(4), side // 3
    image = rng.normal(0.0, 1.0, (side, side)).astype(np.float32)
    start = np.array([0.3 * side, 0.4 * side])
    end = start + length * np.array([0.8, 0.6])
    for t in np.linspace(0.0, 1.0, 8 * length):
        x, y = start + t * (end - start)
        ix, iy = int(x), int(y)
        u, v = np.arange(ix - 4, ix + 5), np.arange(iy - 4, iy + 5)
        spot = np.exp(-0.5 * ((u[None, :] - x) ** 2 + (v[:, None] - y) ** 2) / S**2) / (2.0 * np.pi * S * S)
        image[iy - 4 : iy + 5, ix - 4 : ix + 5] += (3.0 / 8.0) * spot
    kernel = template(Trail(), S)
    snr = np.clip(filtered(image, np.ones_like(image), kernel, 0.01), -4.0, 4.0)
    taps = kernel[len(kernel) // 2].astype(np.float32)
    one_pass = "cv2.sepFilter2D, once"

    def by_skimage() -> np.ndarray:
        from skimage.transform import hough_line, hough_line_peaks

        peaks = hough_line_peaks(*hough_line(snr > 2.5), num_peaks=1)
        angle, distance = peaks[1][0], peaks[2][0]
        return np.array([abs(p[0] * np.cos(angle) + p[1] * np.sin(angle) - distance) for p in (start, end)])

    def judge(answers: Mapping[str, Any]) -> dict[str, str]:
        best = answers[OURS][0]
        direction = (end - start) / length
        off = [
            abs((x - start[0]) * direction[1] - (y - start[1]) * direction[0])
            for x, y in ((best.x0, best.y0), (best.x1, best.y1))
        ]
        assert max(off) < 3.0, off
        said = {OURS: f"strongest of {len(answers[OURS])} lines within {max(off):.1f} px of the streak, SNR {best.snr:.0f}"}
        if "skimage" in answers:
            said["skimage"] = f"strongest infinite line within {float(answers['skimage'].max()):.1f} px; no lengths"
        return said

    ways = with_peers(
        {
            OURS: lambda: search_lines(snr, S, Streaks()),
            one_pass: lambda: cv2.sepFilter2D(image, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_CONSTANT),
        },
        skimage=("skimage", by_skimage),
    )
    ways = hooked("lines", ways, snr=snr, s=S)
    others = [way for way in ways if way != OURS]
    return Case("lines, all lengths", "Mpix", alike(*others, amount=image.size / 1e6), ways, judge, (one_pass, 10.0))


def _search(side: int) -> Case:
    """Hypotheses times pixels and frames of a core: ours with half pixels and the sign-reversed null, numpy without."""
    stack, config = residuals(side, N_FRAMES), Search()
    box = Box((detector_rest(stack),), 4.0)
    n_velocities = search(stack, box, config, 6.5).n_velocities
    snr = stack.image_e * np.sqrt(stack.weight)
    rates = np.random.default_rng(5).uniform(-4.0, 4.0, (PLAIN_VELOCITIES, 2))

    def in_numpy() -> np.ndarray:
        best = np.full(snr.shape[1:], -np.inf, np.float32)
        for rate in rates:
            moves = [tuple(np.rint(t * rate).astype(int)) for t in stack.times]
            best = np.maximum(best, sum(np.roll(one, (-dy, -dx), (0, 1)) for one, (dx, dy) in zip(snr, moves, strict=True)))
        return best

    def judge(answers: Mapping[str, Any]) -> dict[str, str]:
        assert np.isfinite(answers["whole pixels in numpy"]).all()
        assert answers[OURS].n_velocities == n_velocities
        n_bright, n_dark = len(answers[OURS].bright), len(answers[OURS].dark)
        return {OURS: f"{n_velocities} velocities, {n_bright} candidates, {n_dark} of the other sign"}

    ways = {OURS: lambda: search(stack, box, config, 6.5), "whole pixels in numpy": in_numpy}
    ways = hooked("search", ways, snr=snr, times=stack.times, half_px_frame=4.0, n_velocities=PLAIN_VELOCITIES)
    work = dict.fromkeys(ways, PLAIN_VELOCITIES * snr.size / 1e9) | {OURS: n_velocities * snr.size / 1e9}
    return Case("velocity search", "G hypotheses x px x frames", work, ways, judge, ("whole pixels in numpy", 1.0 / 25.0))


def _whole(side: int) -> Case:
    """A made-up set of 16 frames through the whole chain."""
    frames = made_up_frames(side, N_FRAMES)

    def judge(answers: Mapping[str, Any]) -> dict[str, str]:
        processed = answers[OURS][0]
        assert len(processed.tracklets) >= 2
        return {OURS: f"{len(processed.tracklets)} tracklets"}

    ways = {OURS: lambda: process_set(list(frames), PayloadState(), None, Config())}
    return Case("whole set", "Mpix", {OURS: N_FRAMES * side * side / 1e6}, ways, judge)
