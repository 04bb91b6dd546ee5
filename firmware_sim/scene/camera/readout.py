"""From expected electrons to numbers: chance, particles, overflow, and the electronics' own signature."""

import numpy as np

from firmware_sim.scene.camera.chip import Chip
from firmware_sim.scene.camera.radiation import charges
from firmware_sim.scene.kernels.bloom import bloom
from firmware_sim.scene.kernels.defer import defer
from firmware_sim.scene.settings.detector import Radiation

MOST_DN = 65535  # of a frame's numbers; a converter may have fewer bits
MOST_E = 1e9  # a pixel's mean that chance still tells from more
SETTLING_ROWS = 40.0
ROWS_OF_A_LOSS = 1000.0


def read(chip: Chip, radiation: Radiation, expected_e: np.ndarray, frame: int, seed: int) -> tuple[np.ndarray, int]:
    """Numbers (ny, nx) uint16 of one frame, and how many particles hit it."""
    rng = np.random.default_rng([seed, 3, frame])
    detector, sensor = chip.detector, chip.sensor
    electrons = rng.poisson(np.minimum(expected_e, MOST_E)).astype(np.float64)
    n_hits = int(rng.poisson(radiation.hits_per_frame))
    rows, columns, charge_e = charges(n_hits, chip.shape, radiation, rng)
    lit = columns >= detector.overscan_columns
    np.add.at(electrons, (rows[lit], columns[lit]), charge_e[lit])
    if detector.kind == "ccd":
        bloom(electrons, sensor.full_well_e)
    np.minimum(electrons, sensor.full_well_e, out=electrons)
    if detector.kind == "ccd" and detector.charge_loss:
        defer(electrons, 1.0 - (1.0 - detector.charge_loss) ** (1.0 / ROWS_OF_A_LOSS), detector.release_rows)
    if detector.nonlinearity:
        electrons *= 1.0 - detector.nonlinearity / sensor.full_well_e * electrons
    noise = rng.standard_normal(electrons.shape, np.float32)
    noise *= chip.read_noise_e.astype(np.float32)
    electrons += noise
    electrons /= sensor.gain_e_per_dn
    ny = chip.shape[0]
    level = sensor.bias_dn + rng.normal(0.0, detector.bias_drift_dn) + rng.normal(0.0, detector.row_noise_dn, ny)
    level += detector.bias_ramp_dn * np.exp(-np.arange(ny) / SETTLING_ROWS)
    electrons += level[:, None] + chip.level_dn(frame)
    np.rint(electrons, out=electrons)
    return np.clip(electrons, 0, MOST_DN >> (16 - detector.adc_bits), out=electrons).astype(np.uint16), n_hits
