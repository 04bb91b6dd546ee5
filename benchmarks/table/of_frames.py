"""Cases of one frame: counts to electrons, background, matched filter, stars, particles."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from benchmarks.table.arrays import FWHM_PX, HITS_PER_MPIX, MadeUp, made_up, matched
from benchmarks.table.case import OURS, Case, alike
from benchmarks.table.peers import Ways, hooked, with_peers
from sensorproc.config import Calibrate, Flatten
from sensorproc.conventions import FWHM_PER_SIGMA
from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard.frame.calibrate import calibrate
from sensorproc.onboard.image.background import background_maps
from sensorproc.onboard.image.cosmic_rays import spikes
from sensorproc.onboard.image.matched_filter import filtered, template
from sensorproc.onboard.image.star_finding import find_stars, significance
from sensorproc.onboard.products import Trail
from sensorproc.onboard.state import PayloadState

S = FWHM_PX / FWHM_PER_SIGMA
GAIN, BIAS_DN, FULL_WELL_E, EXPOSURE_S = 1.5, 300.0, 90_000.0, 0.8
THRESHOLD_SNR, PLAIN_SNR = 6.0, 10.0


def cases(side: int) -> list[Case]:
    """All of them, on frames of ``side`` x ``side`` px."""
    frame = made_up(side)
    return [_calibrate(frame), _background(frame), _filter(frame), _stars(made_up(side, 2, with_hits=False)), _particles(frame)]


def _case(name: str, frame: MadeUp, ways: Ways, judge: Any, bar: tuple[str, float] | None) -> Case:
    others = [way for way in ways if way != OURS]
    return Case(name, "Mpix", alike(*others, amount=frame.image_e.size / 1e6), ways, judge, bar)


def _calibrate(frame: MadeUp) -> Case:
    raw = np.clip(np.rint(frame.image_e / GAIN + BIAS_DN), 0, 65_535).astype(np.uint16)
    facts = SensorFacts(GAIN, 6.0, BIAS_DN, FULL_WELL_E)
    bad, dark = np.zeros(raw.shape, np.uint8), np.full(raw.shape, 0.2, np.float32)
    read = Frame(0, 0, "made", raw, np.zeros(raw.shape, np.uint8), 0, EXPOSURE_S, facts)
    state, config = PayloadState(dark, bad), Calibrate()
    limit = np.float32(config.saturation_fraction * FULL_WELL_E)

    def in_numpy() -> tuple[np.ndarray, np.ndarray]:
        image = (raw.astype(np.float32) - np.float32(BIAS_DN)) * np.float32(GAIN)
        saturated = image >= limit
        flags = read.flags | bad
        if saturated.any():
            grown = cv2.dilate(saturated.astype(np.uint8), np.ones((3, 3), np.uint8))
            flags = flags | grown * np.uint8(PixelFlag.SATURATED)
        return image - dark * np.float32(EXPOSURE_S), flags

    def judge(answers: Mapping[str, Any]) -> dict[str, str]:
        ours, plain = answers[OURS], answers["numpy"]
        worst = float(np.abs(ours.image_e - plain[0]).max())
        assert worst < 0.05, worst
        assert (ours.flags == plain[1]).all()
        return {OURS: f"within {worst:.3f} e-; also looks for lost lines, covers, late charge and the dark's warmth"}

    ways: Ways = {OURS: lambda: calibrate(read, state, config), "numpy": in_numpy}
    return _case("calibrate", frame, ways, judge, ("numpy", 1.0 / 2.5))


def _background(frame: MadeUp) -> Case:
    image, flags = frame.image_e, frame.hits.astype(np.uint8)
    config = Flatten()

    def ours() -> np.ndarray:
        return background_maps(image, flags, config)[0].drawn()

    def by_sep() -> np.ndarray:
        import sep

        found = sep.Background(image, mask=frame.hits, bw=config.mesh_px, bh=config.mesh_px, fw=3, fh=3)
        found.rms()
        return np.asarray(found.back())

    def by_photutils() -> np.ndarray:
        from photutils.background import Background2D

        return np.asarray(Background2D(image, config.mesh_px, mask=frame.hits).background)

    def judge(answers: Mapping[str, Any]) -> dict[str, str]:
        errors = {name: float(np.sqrt(np.mean((found - frame.background_e) ** 2))) for name, found in answers.items()}
        assert errors[OURS] < 0.25 * frame.noise_e, errors
        return {name: f"{error:.2f} e- rms off" for name, error in errors.items()}

    ways = with_peers({OURS: ours}, sep=("sep", by_sep), photutils=("photutils", by_photutils))
    return _case("background and noise", frame, ways, judge, ("sep", 1.0 / 5.0))


def _filter(frame: MadeUp) -> Case:
    """SNR of a point at every pixel, numerator and denominator, against one pass of a separable filter."""
    flat, kernel = frame.flattened(), template(Trail(), S)
    taps = (kernel[len(kernel) // 2] / np.sqrt(kernel[len(kernel) // 2, len(kernel) // 2])).astype(np.float32)
    border = {"borderType": cv2.BORDER_CONSTANT}
    one_pass = "cv2.sepFilter2D, once"

    def twice() -> np.ndarray:
        psi = cv2.sepFilter2D(flat.image_e * flat.weight, cv2.CV_32F, taps, taps, **border)
        phi = cv2.sepFilter2D(flat.weight, cv2.CV_32F, taps * taps, taps * taps, **border)
        return np.asarray(psi / np.sqrt(phi))

    def judge(answers: Mapping[str, Any]) -> dict[str, str]:
        worst = float(np.abs(answers[OURS] - answers["cv2 and numpy"]).max())
        assert worst < 0.02, worst
        return {OURS: f"both sums and their ratio; within {worst:.4f} sigma", one_pass: "one sum, no weights"}

    ways: Ways = {
        OURS: lambda: filtered(flat.image_e, flat.weight, kernel, 0.01),
        one_pass: lambda: cv2.sepFilter2D(flat.image_e, cv2.CV_32F, taps, taps, **border),
        "cv2 and numpy": twice,
    }
    return _case("matched filter", frame, ways, judge, (one_pass, 1.8))


def _stars(frame: MadeUp) -> Case:
    flat, kernel = frame.flattened(), template(Trail(), S)
    effective_px2 = 4.0 * np.pi * S * S
    snr = frame.stars[:, 2] / np.sqrt(effective_px2) / frame.noise_e
    inside = ((frame.stars[:, :2] > 10) & (frame.stars[:, :2] < len(flat.image_e) - 11)).all(axis=1)
    plain = frame.stars[inside & (snr > PLAIN_SNR), :2]

    def ours() -> np.ndarray:
        return find_stars(significance(flat, flat.flags, kernel), THRESHOLD_SNR, 2, 20_000)[:, :2]

    def by_sep() -> np.ndarray:
        import sep

        found = sep.extract(flat.image_e, 1.5, err=frame.noise_e, minarea=3)
        x, y, _ = sep.winpos(flat.image_e, found["x"], found["y"], np.full(len(found), S))
        return np.stack([x, y], axis=1)

    def by_photutils() -> np.ndarray:
        from photutils.detection import DAOStarFinder

        found = DAOStarFinder(threshold=3.0 * frame.noise_e, fwhm=FWHM_PX)(flat.image_e)
        return np.stack([np.asarray(found[name]) for name in ("x_centroid", "y_centroid")], axis=1)

    def judge(answers: Mapping[str, Any]) -> dict[str, str]:
        said, recalls = {}, {}
        for name, found in answers.items():
            hit, apart = matched(found, plain)
            recalls[name] = float(hit.mean())
            said[name] = f"{100 * recalls[name]:.1f} % of {len(plain)} found, {np.sqrt(np.mean(apart**2) / 2):.3f} px an axis"
        assert recalls[OURS] > 0.9, recalls
        return said

    ways = with_peers({OURS: ours}, sep_with_winpos=("sep", by_sep), photutils=("photutils", by_photutils))
    ways = hooked("stars", ways, image_e=flat.image_e, noise_e=frame.noise_e, fwhm_px=FWHM_PX)
    return _case("star finding", frame, ways, judge, ("sep with winpos", 1.0 / 8.0))


def _particles(frame: MadeUp) -> Case:
    flat = frame.flattened()
    strong = frame.hits & (flat.image_e > 20.0 * frame.noise_e)

    def by_astroscrappy() -> np.ndarray:
        from astroscrappy import detect_cosmics

        found, _ = detect_cosmics(
            frame.image_e, gain=1.0, readnoise=6.0, sigclip=5.0, objlim=2.0, psffwhm=FWHM_PX, fsmode="convolve", psfmodel="gauss"
        )
        return np.asarray(found)

    def judge(answers: Mapping[str, Any]) -> dict[str, str]:
        said, recall = {}, 0.0
        for name, found in answers.items():
            marked = np.asarray(found)
            recall = float(marked[strong].mean())
            n_false = int((marked & ~cv2.dilate(frame.hits.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)).sum())
            said[name] = f"{100 * recall:.1f} % of {int(strong.sum())} struck pixels, {n_false} others"
            assert name != OURS or recall > 0.9, said
        return said

    ways = with_peers(
        {OURS: lambda: (spikes(flat, S) & np.uint8(PixelFlag.COSMIC_RAY)) != 0}, astroscrappy=("astroscrappy", by_astroscrappy)
    )
    return _case(f"particles, {HITS_PER_MPIX} a Mpix", frame, ways, judge, ("astroscrappy", 1.0 / 50.0))
