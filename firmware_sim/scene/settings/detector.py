"""Silicon, particles through it, and the way to the frame store: defaults of every effect. Zero switches one off."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from firmware_sim.scene.settings.ranges import STRICT, Fraction, NotNegative, Positive


@dataclass(frozen=True, config=STRICT)
class Detector:
    """What silicon and its electronics add. A CCD blooms and smears; a CMOS detector clips and reads row by row."""

    kind: Literal["ccd", "cmos"] = "ccd"
    chip: Annotated[int, Field(ge=0)] | None = None  # seed of its fixed pattern, where scenes share one; else the scene's
    temperature_c: Annotated[float, Field(ge=-150, le=80)] = -20.0
    dark_reference_c: Annotated[float, Field(ge=-150, le=80)] = -20.0  # where the dark rates below hold
    warming_k_min: float = 0.0  # trend of the temperature, which holds at the middle of the scene
    breathing_k: NotNegative = 0.0  # amplitude of a heater's cycle,
    breathing_s: Positive = 90.0  # and its period
    dark_e_s: NotNegative = 0.8
    hot_fraction: Fraction = 4e-4  # of the pixels
    hot_median_e_s: Positive = 60.0
    hot_spread_dex: Positive = 0.6
    hot_known: Fraction = 0.95  # of the hot pixels and bad columns are in the payload's calibration
    hot_error: NotNegative = 0.04  # relative, of the calibrated dark rate
    warm_fraction: Fraction = 2e-3  # pixels a little too dark-noisy to stand out in one frame
    warm_e_s: NotNegative = 4.0  # mean of their exponential distribution
    rts_fraction: Fraction = 5e-5  # random telegraph signal: two levels
    rts_e_s: Positive = 40.0  # median of the upper level
    rts_flip: Fraction = 0.2  # chance to change level from frame to frame
    bad_columns: NotNegative = 1.0  # expected number per 1000 columns: dead from a random row on
    prnu: Annotated[float, Field(ge=0, le=0.1)] = 0.006
    nonlinearity: Annotated[float, Field(ge=0, le=0.2)] = 0.01  # signal lost at full well, quadratic in signal
    transfer_s: NotNegative = 0.002  # CCD: frame transfer through an open aperture smears columns
    rolling_s: NotNegative = 0.02  # CMOS: the last row exposes so much later than the first
    charge_loss: Annotated[float, Field(ge=0, le=0.5)] = 0.0  # CCD: share that a packet loses to traps over 1000 rows; the
    release_rows: Positive = 3.0  # traps give it back to the rows behind, with this constant
    read_noise_dex: Annotated[float, Field(ge=0, le=1)] = 0.0  # CMOS: log-normal spread of the pixels' own read noise
    adc_bits: Annotated[int, Field(ge=8, le=16)] = 16
    column_noise_dn: NotNegative = 0.6  # fixed offsets of columns
    column_drift_dn: NotNegative = 0.0  # their random walk, per frame
    row_noise_dn: NotNegative = 0.15  # offsets of rows, new in every frame
    bias_ramp_dn: NotNegative = 1.5  # settling of the level over the first rows
    bias_drift_dn: NotNegative = 0.5  # from frame to frame
    overscan_columns: Annotated[int, Field(ge=0, le=256)] = 16  # first columns that see no light


@dataclass(frozen=True, config=STRICT)
class Defects:
    """What is wrong with more than single pixels of a detector. All of it is off by default: most detectors have none."""

    lines: NotNegative = 0.0  # expected number per 1000 columns whose level is off; of a CMOS detector as many rows
    line_dn: Positive = 20.0  # mean of its exponential distribution
    line_dark: Fraction = 0.3  # of them are darker than the rest,
    line_partial: Fraction = 0.6  # begin at a random pixel and run to the end,
    line_beside: Fraction = 0.1  # of the level shows in the lines beside
    clusters: NotNegative = 0.0  # expected number of insensitive spots per million pixels
    cluster_px: Positive = 2.5  # mean of their radius
    glow_e_s: NotNegative = 0.0  # of an amplifier in one corner,
    glow_px: Positive = 60.0  # falling by e over this
    amplifiers: Literal[1, 2, 4] = 1  # side by side, or one in each quarter
    amplifier_step_dn: NotNegative = 0.0  # spread of their levels,
    amplifier_drift_dn: NotNegative = 0.0  # of what these add from frame to frame,
    amplifier_gain: Annotated[float, Field(ge=0, le=0.2)] = 0.0  # and of their gains, relative
    covered_px: Annotated[int, Field(ge=0, le=64)] = 0  # rows and columns along every border that see no light


@dataclass(frozen=True, config=STRICT)
class Radiation:
    """Protons and electrons through the silicon during an exposure (and the readout, not modelled).

    Protons lose energy by Bethe's formula at energies of a falling spectrum, electrons as minimum-ionising particles
    on crooked paths; both straggle. Charge diffuses the more the farther from the gates it is set free.
    """

    hits_per_frame: Annotated[float, Field(ge=0, le=1e5)] = 40.0
    electron_share: Fraction = 0.25
    proton_min_mev: Positive = 30.0  # slower ones stop in the shield
    proton_max_mev: Positive = 5000.0
    proton_index: NotNegative = 1.5  # of the spectrum dN/dE ~ E^-index behind the shield
    cosine_power: NotNegative = 0.0  # of the intensity's fall with angle from the normal; 0 is isotropic
    thickness_um: Positive = 14.0
    pitch_um: Positive = 10.0
    diffusion_um: NotNegative = 3.0  # from the far side, 1 sigma


@dataclass(frozen=True, config=STRICT)
class Transmission:
    """Between detector and frame store; each figure is a probability per frame."""

    lost_lines: Fraction = 0.01  # a run of up to 8 rows arrives as zeros
    dropped: Fraction = 0.003  # the frame does not arrive
    duplicated: Fraction = 0.003  # the frame before arrives again in its place
