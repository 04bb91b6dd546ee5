"""What a spacecraft writes beside its frames: its state, its turn and its attitude history."""

import math

import numpy as np

from sensorproc.conventions import OBSERVER_KM
from sensorproc.frames import AttitudeSample, ObserverState
from sensorproc.recording.header.cards import Cards
from sensorproc.recording.header.found import Found

SANE_SPEED_KM_S = 20.0
STATES = (
    (("SAT_X", "SAT_Y", "SAT_Z"), ("SAT_VX", "SAT_VY", "SAT_VZ")),
    (tuple(f"JPOS2_{i}" for i in (1, 2, 3)), tuple(f"JVEL2_{i}" for i in (1, 2, 3))),
)
MOST_SAMPLES = 1000  # DELT_nnn has three digits


def observer(cards: Cards) -> Found[ObserverState] | None:
    """Observer at mid-exposure: SAT_* (GCRF) or NEOSSat's JPOS2/JVEL2 (J2000; the frame bias of 0.023 arcsec
    turns 42 000 km by 5 m and is ignored)."""
    for position, velocity in STATES:
        values = [cards.number(key) for key in (*position, *velocity)]
        if all(value is not None for value in values):
            p, v = np.array(values[:3], float), np.array(values[3:], float)
            radius, speed = float(np.hypot.reduce(p)), float(np.hypot.reduce(v))
            if OBSERVER_KM[0] < radius < OBSERVER_KM[1] and speed <= SANE_SPEED_KM_S:
                return Found(ObserverState(tuple(p.tolist()), tuple(v.tolist())), f"{position[0]} ... {velocity[-1]}")
    return None


def attitude(cards: Cards) -> tuple[AttitudeSample, ...]:
    """NEOSSat's attitude history: DELT_nnn [s] and DEV_nnn [arcsec], body axes. HIST_NB may say anything."""
    samples = []
    for i in range(min(int(cards.number("HIST_NB") or 0), MOST_SAMPLES)):
        dt, text = cards.number(f"DELT_{i:03d}"), cards.text(f"DEV_{i:03d}")
        try:
            angles = tuple(float(part) for part in text.split())
        except ValueError:
            continue
        if dt is not None and len(angles) == 3:
            samples.append(AttitudeSample(dt, angles))
    return tuple(samples)


def slew_arcsec_s(cards: Cards) -> float | None:
    """Mean boresight rate over the exposure from NEOSSat's RA_VEL [h/s] and DEC_VEL [deg/s]."""
    ra, dec, at = cards.number("RA_VEL"), cards.number("DEC_VEL"), cards.number("CRVAL2")
    if ra is None or dec is None:
        return None
    return 3600.0 * math.hypot(15.0 * ra * math.cos(math.radians(at or 0.0)), dec)
