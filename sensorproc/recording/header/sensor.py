"""Facts of the detector: gain, noise, level, saturation, scale."""

import re
from dataclasses import dataclass, replace
from typing import Any

from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.frames import SensorFacts
from sensorproc.recording.header.cards import ARCSECONDS, MILLIMETRES, Card, Cards
from sensorproc.recording.header.found import Found, Said

GAINS = ("EGAIN", "GAIN", "CCDGAIN", "GAIN1")  # EGAIN first: what capture programs call GAIN is often a camera's setting
NAMES = {
    "read_noise_e": ("RDNOISE", "READNOIS", "READNOISE", "RON", "CCDRON", "ENOISE"),
    "bias_dn": ("BIASLVL", "BIAS"),
    "full_well_e": ("FULLWELL",),
    "zeropoint_mag": ("ZEROPT",),
}
META_KEYS = {name: name for name in ("gain_e_per_dn", "read_noise_e", "bias_dn", "full_well_e", "ifov_arcsec")} | {
    "zeropoint_mag": "zeropoint_mag_1e_per_s"
}
SCALES = ("IFOV", "PIXSCALE", "PIXSCAL1", "PIXSCL", "SECPIX", "SECPIX1", "SCALE")
SATURATIONS = ("SATURATE", "SATLEVEL", "SATURATI", "MAXLIN")  # DN
HIGHEST_DATUM = "DATAMAX"  # of the converter, or of this very image: only a full scale of so many bits is the converter's
FULL_SCALES = {float(2**bits - 1 << left) for bits in range(8, 17) for left in (0, 16 - bits)}
PIXEL_UM, UNBINNED_UM, FOCAL_MM = ("XPIXSZ",), ("PIXSIZE1", "PIXSIZE"), ("FOCALLEN", "FOCAL", "FOCUSLEN")
HIGHEST_GAIN = 50.0  # e-/DN: what is more and does not say that it is a gain is a camera's setting
ELECTRONS_PER_DN = re.compile(r"(photo)?e(-|lectrons?)?\s*(/|per)\s*(adu|dn|counts?|digital number)s?", re.IGNORECASE)
DN_PER_ELECTRON = re.compile(r"(adu|dn|counts?)s?\s*(/|per)\s*(photo)?e(-|lectrons?)?", re.IGNORECASE)
SAME = 0.05  # Facts that differ by no more agree.
LARGEST_IFOV_ARCSEC = 36000.0
MEANINGS = {
    "gain_e_per_dn": "gain (taken as 1 e-/DN, fluxes are in DN)",
    "read_noise_e": "read noise (estimated from the frames)",
    "bias_dn": "bias level (part of the fitted background)",
    "full_well_e": "full well (only converter saturation is flagged)",
    "ifov_arcsec": "pixel scale",
    "zeropoint_mag": "photometric zero point (no magnitudes)",
}


@dataclass(frozen=True)
class Detector:
    """What a header says of its detector: facts, what they lack in words, and the DN from which pixels are saturated."""

    facts: SensorFacts
    missing: tuple[str, ...]
    saturation_dn: float | None

    def with_scale(self, scale: Found[float] | None, said: Said) -> "Detector":
        """With the pixel scale of a pointing where no card gives one; a contradiction is ``said``."""
        ifov = self.facts.ifov_arcsec
        if scale is None:
            return self
        if ifov is not None:
            if abs(ifov - scale.value) > SAME * ifov:
                said.doubt(f"pixel scale: {said.used['pixel scale']} and {scale.source} contradict each other: the first is used")
            return self
        said.use("pixel scale", scale)
        missing = tuple(text for text in self.missing if text != MEANINGS["ifov_arcsec"])
        return replace(self, facts=replace(self.facts, ifov_arcsec=scale.value), missing=missing)


def detector(cards: Cards, meta: dict[str, Any], said: Said) -> Detector:
    """Facts of a header, completed from the recording's ``meta.json``."""
    found: dict[str, Found[float] | None] = {"gain_e_per_dn": _gain(cards, said)}
    for name, keys in NAMES.items():
        found[name] = _first(cards, keys, positive=name == "full_well_e")
    found["ifov_arcsec"] = _scale(cards)
    for name, key in META_KEYS.items():
        value = Card(key, meta.get(key)).number()
        if found[name] is None and value is not None and (value > 0 or name in ("bias_dn", "zeropoint_mag", "read_noise_e")):
            found[name] = Found(value, f"{key} of meta.json")
    saturation = _first(cards, SATURATIONS, positive=True) or _first(cards, (HIGHEST_DATUM,), among=FULL_SCALES)
    gain, bias = found["gain_e_per_dn"], found["bias_dn"]
    if found["full_well_e"] is None and gain and saturation:
        above = saturation.value - (bias.value if bias else 0.0)
        found["full_well_e"] = Found(above * gain.value, f"{saturation.source}, above the bias") if above > 0 else None
    said.use("saturation", saturation)
    for name, one in found.items():
        said.use(MEANINGS[name].split(" (")[0], one)
    values = {name: one.value if one else None for name, one in found.items()}
    missing = tuple(MEANINGS[name] for name in MEANINGS if values[name] is None)
    return Detector(SensorFacts(**values), missing, saturation.value if saturation else None)


def _first(cards: Cards, keys: tuple[str, ...], positive: bool = False, among: set[float] | None = None) -> Found[float] | None:
    for card in cards.present(*keys):
        value = card.number()
        if value is not None and (value > 0 or not positive) and (among is None or value in among):
            return Found(value, str(card))
    return None


def _gain(cards: Cards, said: Said) -> Found[float] | None:
    """Electrons of one DN. A number without a unit that is no gain, or stands beside a card that gives one, is a setting."""
    found = None
    for card in cards.present(*GAINS):
        value = card.number()
        if value is None or value <= 0.0:
            continue
        if DN_PER_ELECTRON.search(card.comment):
            value = 1.0 / value
        sure = card.key == "EGAIN" or bool(ELECTRONS_PER_DN.search(card.comment) or DN_PER_ELECTRON.search(card.comment))
        if found is None and (sure or value < HIGHEST_GAIN):
            found = Found(value, str(card))
        elif found is None:
            said.doubt(f"{card} is taken for a camera's setting: as electrons per DN it would say so")
        elif abs(value - found.value) > SAME * found.value:
            said.doubt(f"{card} is taken for a camera's setting: {found.source} is the gain")
    return found


def _scale(cards: Cards) -> Found[float] | None:
    """Pixel scale [arcsec/px]: as it is written, else from the pixels' size and the focal length."""
    for card in cards.present(*SCALES):
        value = card.number(ARCSECONDS)
        if value is not None and 0.0 < value < LARGEST_IFOV_ARCSEC:
            return Found(value, str(card))
    focal = next(((c, v) for c in cards.present(*FOCAL_MM) if (v := c.number(MILLIMETRES))), None)
    size = next(((c, v) for c in cards.present(*PIXEL_UM, *UNBINNED_UM) if (v := c.number(MILLIMETRES, 1e-3))), None)
    if not focal or not size or focal[1] <= 0.0 or size[1] <= 0.0:
        return None
    pixel_mm, source = size[1], f"{size[0]} and {focal[0]}"
    binning = cards.number("XBINNING") or 1.0
    if size[0].key in UNBINNED_UM and binning > 1.0:  # XPIXSZ is of the pixels as they are read out
        pixel_mm, source = pixel_mm * binning, f"{source}, XBINNING = {binning:g}"
    return Found(ARCSEC_PER_RAD * pixel_mm / focal[1], source)
