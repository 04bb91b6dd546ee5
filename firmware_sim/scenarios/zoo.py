"""A zoo of made-up instruments: ``zoo_17`` is the same one on every machine, as values of a scenario file.

Distributions are those a detector engineer would recognise, wider than any one program's cameras. What hurts is drawn for some of
the instruments and left out of the rest, so that each effect is met alone and with others. No instrument is a real one.
"""

import math
import re
from typing import Any

import numpy as np

from firmware_sim.scene.camera.psf import core_px
from firmware_sim.scene.settings.scene import Optics
from sensorproc.conventions import FWHM_PER_SIGMA

Values = dict[str, Any]
NAME = re.compile(r"zoo_(\d{1,6})")
SIDE_PX = 384
START_UTC = "2026-11-22T14:30:00"
SETS = 2  # of a recording: the first starts from nothing
TARGETS = 24
SIDEREAL_ARCSEC_S = 15.04
LONGEST_PX = 40.0  # star trail of an exposure with the camera held to its orbit: longer exposures are no use for a star
WIDEST_PX = 5.0  # image of a point, aberrations included
DIGITS = 4  # of every value: a file that people read


def is_zoo(name: str) -> bool:
    """Whether a scenario's name is that of an instrument of the zoo."""
    return NAME.fullmatch(name) is not None


def instrument(name: str) -> Values:
    """Values of the scenario of an instrument, as its TOML file would have them."""
    found = NAME.fullmatch(name)
    assert found is not None
    number = int(found[1])
    rng = np.random.default_rng([number, 77])
    draw = _Draw(rng)
    is_cmos = draw.chance(0.5)
    sensor = _sensor(is_cmos, draw)
    mode = draw.one_of("body_fixed", "sidereal", "rate_track")
    if mode == "body_fixed":
        longest_s = LONGEST_PX * sensor["ifov_arcsec"] / SIDEREAL_ARCSEC_S
        sensor["exposure_s"] = min(sensor["exposure_s"], _rounded(longest_s))
    sensor["cadence_s"] = _rounded(sensor["exposure_s"] * draw.between(1.1, 2.0) + 0.05)
    detector, defects = _detector(is_cmos, sensor, number, draw), _defects(is_cmos, draw)
    frames = int(draw.one_of(8, 12, 16, 24))
    optics = _optics(draw)
    widened = FWHM_PER_SIGMA * core_px(Optics(**optics), sensor["psf_fwhm_px"]) / sensor["psf_fwhm_px"]
    sensor["psf_fwhm_px"] = _rounded(min(sensor["psf_fwhm_px"], WIDEST_PX / widened))
    seen_fwhm_px = widened * sensor["psf_fwhm_px"]
    scene = {
        "seed": number,
        "start_utc": START_UTC,
        "n_frames": frames * SETS,
        "sensor": {key: sensor[key] for key in ("gain_e_per_dn", "read_noise_e", "psf_fwhm_px")},
        "pointing": _pointing(mode, sensor, draw),
        "sky": {"faintest_mag": 18.0, "brightness_mag_arcsec2": draw.rounded(21.0, 22.0)},
        "stray_light": _stray_light(sensor["cadence_s"] * frames, draw),
        "optics": optics,
        "detector": detector,
        "defects": defects,
        "radiation": {"hits_per_frame": draw.rounded_log(0.3, 40.0)},  # on this window: 10-1000 on 2048 x 2048
        "drawn": [{"n": TARGETS, "set_snr": [4.5, 18.0], "rate_px_frame": [0.3, 3.0], "motion": "field"}],
    }
    believed = {  # a team's numbers are about right
        "gain_e_per_dn": _rounded(sensor["gain_e_per_dn"] * draw.between(0.9, 1.1)),
        "read_noise_e": _rounded(sensor["read_noise_e"] * draw.between(0.8, 1.3)),
        "psf_fwhm_px": _rounded(seen_fwhm_px * draw.between(0.8, 1.3)),
    }
    payload = {"sensor": {"name": name, "shape_px": [SIDE_PX, SIDE_PX]} | sensor | believed, "frame_set": {"max_frames": frames}}
    return {"name": name, "scene": scene, "payload": payload}


def _sensor(is_cmos: bool, draw: "_Draw") -> Values:
    bits = int(draw.one_of(10, 12, 12, 14, 16) if is_cmos else draw.one_of(14, 16))
    full_well = draw.log(10_000.0, 120_000.0)
    gain = min(max(full_well * draw.between(0.8, 1.3) / 2**bits, 0.1), 10.0)
    read_noise = max(draw.log(1.0, 6.0) if is_cmos else draw.log(3.0, 20.0), 0.3 * gain)
    undersampled = draw.chance(0.2)
    ifov = draw.rounded_log(4.0, 30.0)
    aperture = 10.0 / ifov  # over 10 um pixels at the same focal ratio a wide field has a small lens
    return {
        "exposure_s": draw.rounded_log(0.1, 4.0),
        "gain_e_per_dn": _rounded(gain),
        "read_noise_e": _rounded(read_noise),
        "bias_dn": float(round(draw.between(0.03, 0.08) * 2**bits)),
        "full_well_e": _rounded(min(full_well, 0.9 * gain * 2**bits)),
        "ifov_arcsec": ifov,
        "zeropoint_mag": _rounded(19.7 + 5.0 * math.log10(aperture) + draw.between(-0.7, 0.7)),
        "psf_fwhm_px": draw.rounded(1.2, 1.6) if undersampled else draw.rounded_log(1.6, 4.0),
    }


def _detector(is_cmos: bool, sensor: Values, number: int, draw: "_Draw") -> Values:
    """Dark current in electrons a second at the temperature of the scene."""
    bits = math.ceil(math.log2(sensor["full_well_e"] / sensor["gain_e_per_dn"] * 1.05))
    dark = draw.log(0.01, 30.0)
    known = 0.95 if draw.chance(0.5) else 0.0
    values: Values = {
        "kind": "cmos" if is_cmos else "ccd",
        "chip": number,
        "adc_bits": min(max(bits, 10), 16),
        "temperature_c": draw.rounded(-60.0, 10.0),
        "dark_e_s": _rounded(dark),
        "warm_fraction": draw.rounded_log(1e-3, 0.12),
        "warm_e_s": _rounded(dark * draw.log(1.0, 20.0)),
        "hot_fraction": draw.rounded_log(1e-5, 2e-3),
        "hot_median_e_s": _rounded(dark * draw.log(10.0, 300.0)),
        "hot_known": known,
        "rts_fraction": draw.rounded_log(3e-6, 3e-4),
        "rts_e_s": _rounded(dark * draw.log(3.0, 50.0)),
        "prnu": draw.rounded(0.003, 0.015),
        "column_noise_dn": _rounded(draw.log(0.05, 1.5) * sensor["read_noise_e"] / sensor["gain_e_per_dn"]),
        "row_noise_dn": _rounded(draw.log(0.02, 0.3) * sensor["read_noise_e"] / sensor["gain_e_per_dn"]),
        "overscan_columns": 16 if draw.chance(0.3) else 0,
    }
    values["dark_reference_c"] = values["temperature_c"]
    if draw.chance(0.5):
        values |= {"warming_k_min": draw.rounded(-1.0, 1.0), "breathing_k": draw.rounded(0.0, 0.3)}
    if draw.chance(0.2):
        values["column_drift_dn"] = _rounded(0.1 * sensor["read_noise_e"] / sensor["gain_e_per_dn"])
    if is_cmos:
        values["read_noise_dex"] = draw.rounded(0.05, 0.25)
    elif draw.chance(0.3):
        values |= {"charge_loss": draw.rounded_log(0.003, 0.05), "release_rows": draw.rounded(1.0, 8.0)}
    return values


def _defects(is_cmos: bool, draw: "_Draw") -> Values:
    values: Values = {}
    if draw.chance(0.35):
        values |= {"lines": draw.rounded_log(2.0, 20.0), "line_dn": draw.rounded_log(3.0, 60.0)}
    if draw.chance(0.3):
        values |= {"clusters": draw.rounded_log(5.0, 60.0)}
    if draw.chance(0.2):
        values |= {"glow_e_s": draw.rounded_log(10.0, 300.0), "glow_px": draw.rounded(20.0, 80.0)}
    if draw.chance(0.3):
        values |= {
            "amplifiers": int(draw.one_of(2, 4)),
            "amplifier_step_dn": draw.rounded_log(0.5, 10.0),
            "amplifier_drift_dn": draw.rounded(0.0, 0.5),
            "amplifier_gain": draw.rounded(0.0, 0.02),
        }
    if draw.chance(0.15):
        values["covered_px"] = int(draw.one_of(4, 8, 12))
    return values


def _pointing(mode: str, sensor: Values, draw: "_Draw") -> Values:
    """Jitter and drift in pixels, said in arcseconds."""
    ifov = sensor["ifov_arcsec"]
    values: Values = {
        "mode": mode,
        "frame_jitter_arcsec": _rounded(draw.log(0.05, 1.5) * ifov),
        "drift_arcsec_s": _rounded(draw.log(0.005, 0.1) * ifov / sensor["cadence_s"]),
        "exposure_jitter_arcsec": _rounded(draw.log(0.03, 0.3) * ifov),
        "vibration_arcsec": _rounded(draw.log(0.03, 0.3) * ifov),
        "elevation_deg": draw.rounded(-20.0, 20.0),
        "roll_deg": draw.rounded(0.0, 360.0),
    }
    if mode == "rate_track":
        speed, turn = draw.between(0.5, 8.0) * ifov / sensor["cadence_s"], draw.between(0.0, 2.0 * math.pi)
        values["track_arcsec_s"] = [_rounded(speed * math.cos(turn)), _rounded(speed * math.sin(turn))]
    return values


def _stray_light(set_s: float, draw: "_Draw") -> Values:
    values: Values = {"sun": draw.rounded_log(0.03, 3.0), "gradient": draw.rounded(0.2, 0.9)}
    if draw.chance(0.3):
        values |= {"fading": draw.rounded_log(0.3, 10.0), "fading_s": _rounded(set_s * draw.between(0.7, 4.0))}
    return values


def _optics(draw: "_Draw") -> Values:
    kind = draw.one_of("gaussian", "moffat", "sharp", "coma", "donut")
    common = {"distortion_px": draw.rounded(-0.5, 0.5)}
    if kind == "gaussian":
        return common | {"halo_fraction": draw.rounded(0.0, 0.15), "field_growth": draw.rounded(0.0, 0.2)}
    if kind == "moffat":
        return common | {"family": "moffat", "moffat_beta": draw.rounded(2.2, 6.0)}
    pupil = common | {"family": "pupil", "obscuration": draw.rounded(0.0, 0.45), "spider": draw.rounded(0.0, 0.04)}
    if kind == "coma":
        return pupil | {"coma_waves": draw.rounded(0.05, 0.2), "astigmatism_waves": draw.rounded(0.0, 0.1)}
    return pupil | {"defocus_waves": draw.rounded(0.08, 0.25) if kind == "donut" else draw.rounded(0.0, 0.08)}


class _Draw:
    """Numbers of one instrument."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def one_of(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(0, len(choices)))]

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def log(self, low: float, high: float) -> float:
        return float(math.exp(self.rng.uniform(math.log(low), math.log(high))))

    def rounded(self, low: float, high: float) -> float:
        return _rounded(self.between(low, high))

    def rounded_log(self, low: float, high: float) -> float:
        return _rounded(self.log(low, high))


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
