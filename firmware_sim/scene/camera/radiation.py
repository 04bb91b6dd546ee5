"""Charged particles through a slab of silicon: how long their tracks are and how much charge they leave.

Directions follow an intensity over angle times the cosine a plane's cross-section brings. Energy loss is the most
probable one of a thin layer (Bichsel 1988, Rev. Mod. Phys. 60, 663; PDG review "Passage of particles through matter",
eq. 34.12) with Landau's straggling; electrons scatter on the way by Highland's formula.
"""

import numpy as np
from scipy import stats

from firmware_sim.scene.settings.detector import Radiation

PROTON_MEV, ELECTRON_MEV = 938.272, 0.510999
K_MEV_CM2 = 0.307075  # 4 pi N_A r_e^2 m_e c^2, per mole
Z_OVER_A, DENSITY_G_CM3 = 0.49848, 2.329
MEAN_EXCITATION_EV = 173.0
EV_PER_PAIR = 3.65
RADIATION_LENGTH_UM = 93_700.0
UM_PER_CM = 1e4
MAX_PATH_UM = 2000.0  # grazing particles leave the chip or stop before more
STEP_PX = 0.25
PACKETS = 4  # of each step, spread by diffusion
MOST_STRAGGLING = 40.0  # of Landau's variable: harder knock-on electrons leave a thin layer


def charges(
    n: int, shape: tuple[int, int], radiation: Radiation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and electrons of the charge that ``n`` particles leave on a detector."""
    ny, nx = shape
    turn = rng.uniform(0, 2 * np.pi, n)
    x0, y0 = rng.uniform(-0.5, nx - 0.5, n), rng.uniform(-0.5, ny - 0.5, n)
    cosine = rng.random(n) ** (1.0 / (2.0 + radiation.cosine_power))
    path_um = np.minimum(radiation.thickness_um / np.maximum(cosine, 1e-3), MAX_PATH_UM)
    flat_px = path_um * np.sqrt(1 - cosine**2) / radiation.pitch_um
    is_electron = rng.random(n) < radiation.electron_share
    electrons = deposit_e(path_um, beta2(is_electron, radiation, rng), rng)
    steps = np.maximum(np.ceil(flat_px / STEP_PX), 1).astype(int)
    track = np.repeat(np.arange(n), steps)
    along = (np.arange(len(track)) - np.repeat(np.cumsum(steps) - steps, steps) + 0.5) / steps[track]
    bend = np.where(is_electron[track], _scattering(path_um / steps, rng.uniform(1.0, 8.0, n))[track], 0.0)
    turned = turn[track] + _cumulative(rng.standard_normal(len(track)) * bend, steps)
    step_px = (flat_px / steps)[track]
    x = x0[track] + _cumulative(step_px * np.cos(turned), steps)
    y = y0[track] + _cumulative(step_px * np.sin(turned), steps)
    share = rng.gamma(2.0, 1.0, len(track))  # deposits are lumpy
    total = np.bincount(track, share, minlength=n)
    charge = electrons[track] * share / total[track] / PACKETS
    spread = radiation.diffusion_um / radiation.pitch_um * np.sqrt(along)
    rows = np.rint(y[:, None] + spread[:, None] * rng.standard_normal((len(track), PACKETS))).astype(int)
    columns = np.rint(x[:, None] + spread[:, None] * rng.standard_normal((len(track), PACKETS))).astype(int)
    inside = (rows >= 0) & (rows < ny) & (columns >= 0) & (columns < nx)
    return rows[inside], columns[inside], np.broadcast_to(charge[:, None], rows.shape)[inside]


def beta2(is_electron: np.ndarray, radiation: Radiation, rng: np.random.Generator) -> np.ndarray:
    """Squared speeds (n,) over c: protons of a power-law spectrum, electrons as minimum-ionising particles."""
    power = 1.0 - radiation.proton_index
    low, high = radiation.proton_min_mev, max(radiation.proton_max_mev, radiation.proton_min_mev)
    u = rng.random(len(is_electron))
    if abs(power) < 1e-9:
        energy = low * (high / low) ** u
    else:
        energy = (low**power + u * (high**power - low**power)) ** (1.0 / power)
    gamma = 1.0 + energy / PROTON_MEV
    least_loss = 0.93  # beta^2 at beta gamma = 3.6
    return np.where(is_electron, least_loss, 1.0 - 1.0 / gamma**2)


def deposit_e(path_um: np.ndarray, speed2: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Electrons (n,) set free along paths: the most probable loss of a thin layer, straggling after Landau."""
    gamma2 = 1.0 / (1.0 - speed2)
    width_ev = 0.5 * K_MEV_CM2 * 1e6 * Z_OVER_A * DENSITY_G_CM3 * path_um / UM_PER_CM / speed2
    from_motion = np.log(2.0 * ELECTRON_MEV * 1e6 * speed2 * gamma2 / MEAN_EXCITATION_EV)
    likeliest_ev = width_ev * (from_motion + np.log(width_ev / MEAN_EXCITATION_EV) + 0.2 - speed2)
    straggling = np.minimum(stats.landau.rvs(size=len(path_um), random_state=rng), MOST_STRAGGLING) + 0.2228
    return np.maximum(likeliest_ev + width_ev * straggling, 0.1 * likeliest_ev) / EV_PER_PAIR


def _scattering(step_um: np.ndarray, momentum_mev: np.ndarray) -> np.ndarray:
    """Rms angle in the plane [rad] of electrons over a step (Highland's formula; speed of light)."""
    thick = step_um / RADIATION_LENGTH_UM
    return 13.6 / momentum_mev * np.sqrt(thick) * np.maximum(1.0 + 0.038 * np.log(np.maximum(thick, 1e-12)), 0.1)


def _cumulative(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Running sums within each track."""
    total = np.cumsum(values)
    ends = np.cumsum(steps)
    before = np.concatenate([[0.0], total[ends[:-1] - 1]]) if len(steps) else np.zeros(0)
    return total - np.repeat(before, steps)
