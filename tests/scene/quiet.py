"""A detector without any effect but photons, gain and read noise."""

from firmware_sim.scene.settings.detector import Detector

QUIET = Detector(
    hot_fraction=0, warm_fraction=0, rts_fraction=0, bad_columns=0, prnu=0, nonlinearity=0, transfer_s=0, column_noise_dn=0,
    row_noise_dn=0, bias_ramp_dn=0, bias_drift_dn=0, overscan_columns=0, dark_e_s=0,
)  # fmt: skip
