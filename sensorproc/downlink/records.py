"""The records of the downlink, field by field. Values that may be absent have a status or flag bit that says so.

What a payload may measure fits its field: detectors have at most 8191 pixels a side, and lengths and widths are floats. A count
at the end of its field's range means as many or more; a place or a magnitude there is known to the ground for none
(``ground.gate``).
"""

from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.fields import Field, RecordType

BENDS = tuple(f"bend_{k:02d}" for k in range(16))  # fields of the camera's distortion
PIXEL = 2.0**-18  # +-8192 px in steps of 4e-6 px
TURN = 2.0**-32  # 0.30 mas
RELEASE_ID = "release_id"  # of FRAME and DETECTION records: the formatter sets it, who knows the marking


def _common() -> list[Field]:
    return [
        Field("frame", "u4", None, "", "0-based index of the frame in the recording"),
        Field("detector", "u1", None, "", "0-based detector number"),
        Field("t_mid_tai_ns", "u8", None, "ns", "mid-exposure, TAI since 1958-01-01"),
    ]


def _release_id() -> Field:
    return Field(RELEASE_ID, "u2", None, "", "of the set's marking and data mode: first bytes of SHA-256 over them")


SET = RecordType(
    "SET",
    Apid.SET,
    [
        Field("icd_version", "u1", None, "", "of packets and records; first in SET records of every version"),
        Field("set_id", "u4", None, "", "count of frame sets, from 0; NO_SET closes a downlink without any"),
        Field("phase", "u1", None, "", "0 before the set's packets, 1 after them"),
        Field("is_last", "u1", None, "", "1: the recording ends with this set"),
        Field("detector", "u1", None, "", "0-based detector number"),
        Field("marking", "S32", None, "", "classification marking, UNSET if none was given"),
        Field("data_mode", "u1", None, "", "place in DATA_MODES"),
        Field("state_digest", "u8", None, "", "payload state before the set"),
        Field("config_digest", "u8", None, "", "effective configuration"),
        Field("software_digest", "u8", None, "", "code and constants that processed the set; 0 not told"),
        Field("input_digest", "u8", None, "", "pixels of the set"),
        Field("first_frame", "u4", None, "", "index of the set's first frame"),
        Field("n_frames", "u2", None, "", "frames offered"),
        Field("n_processed", "u2", None, "", "frames used"),
        Field("threshold_snr", "f4", None, "", "tracklet threshold used"),
        Field("expected_false_alarms", "f4", None, "", "per set, by theory"),
        Field("n_null", "u2", None, "", "tracks of the sign-reversed search above the theoretical threshold"),
        Field("false_alarm_excess", "f4", None, "", "false alarms over theory's, as null searches show; in the threshold"),
        Field("null_found", "u2", None, "", "tracks of null searches of this set, down to null_false_alarms each"),
        Field("null_expected", "f4", None, "", "those expected"),
        Field("n_velocities", "u4", None, "", "velocity hypotheses summed"),
        Field("n_candidates", "u4", None, "", "candidates fitted"),
        Field("n_tracklets", "u2", None, "", "tracklets found"),
        Field("n_streaks", "u2", None, "", "single-frame streaks found"),
        Field("exposure_bias_s", "f4", None, "s", "exposure that star trails show, less the header's"),
        Field("sigma_exposure_bias_s", "f4", None, "s", "0: not known, stars do not trail"),
        Field("calibration_loss_db", "f4", None, "dB", "of SNR, an object of 1 px/frame as read out: to its unknown pattern"),
        Field("degraded", "u1", None, "", "level of overload at which the set was searched, 0 as configured"),
        Field("sigma_time_s", "f4", None, "s", "of the payload's clock against TAI, beyond the header's own; 0 not told"),
        Field("n_dropped_packets", "u2", None, "", "packets that did not fit the byte budget"),
        Field("total_set", "u4", None, "", "SET packets sent up to the end of this set"),
        Field("total_event", "u4", None, "", "EVENT packets, likewise"),
        Field("total_frame", "u4", None, "", "FRAME packets, likewise"),
        Field("total_detection", "u4", None, "", "DETECTION packets, likewise"),
        Field("total_tracklet", "u4", None, "", "TRACKLET packets, likewise"),
        Field("total_health", "u4", None, "", "HEALTH packets, likewise"),
        Field("total_ack", "u4", None, "", "ACK packets, likewise"),
        Field("total_dwell", "u4", None, "", "DWELL packets, likewise"),
        Field("total_image", "u4", None, "", "IMAGE packets, likewise"),
    ],
)

NO_SET = 2**32 - 1
HEALTH = RecordType(
    "HEALTH",
    Apid.HEALTH,
    [
        Field("set_id", "u4", None, "", "frame set it was taken after, NO_SET while none is taken"),
        Field("t_tai_ns", "u8", None, "ns", "when, TAI since 1958-01-01"),
        Field("latency_s", "f4", None, "s", "from the end of the set's last exposure to its last stage"),
        Field("deadline_s", "f4", None, "s", "allowed for that"),
        Field("busy_fraction", "f4", None, "", "of the processor's time since the last report"),
        Field("energy_j", "f4", None, "J", "of the processor since the last report"),
        Field("memory_used_bytes", "u8", None, "bytes", "now"),
        Field("memory_peak_bytes", "u8", None, "bytes", "high-water mark since start"),
        Field("memory_budget_bytes", "u8", None, "bytes", ""),
        Field("queue_bytes", "u4", None, "bytes", "packets waiting for the radio, this set's not yet among them"),
        Field("n_slips", "u2", None, "", "deadlines missed since start"),
        Field("n_frames_lost", "u2", None, "", "frames for which there was no memory, since start"),
        Field("mode", "u1", None, "", "Mode of the telecommands"),
        Field("n_resets", "u2", None, "", "by the watchdog, since start"),
        Field("n_corrected", "u4", None, "", "words of memory with one wrong bit, mended since start"),
        Field("n_uncorrectable", "u4", None, "", "words of memory with more, since start"),
        Field("n_reloaded", "u2", None, "", "tables found damaged and loaded anew, since start"),
        Field("n_rejected_commands", "u4", None, "", "since start"),
        Field("n_throttled", "u4", None, "", "events and answers not sent because there were too many, since start"),
        Field("clock_sigma_s", "f4", None, "s", "of the clock against TAI"),
    ],
)

EVENT = RecordType(
    "EVENT",
    Apid.EVENT,
    [
        *_common(),
        Field("severity", "u1", None, "", "Severity"),
        Field("reason", "u1", None, "", "place in REASONS"),
        Field("value_1", "f4", None, "", "first number of the event, 0 if none"),
        Field("value_2", "f4", None, "", "second number of the event, 0 if none"),
    ],
)

FRAME = RecordType(
    "FRAME",
    Apid.FRAME,
    [
        *_common(),
        Field("exposure_ns", "u8", None, "ns", "exposure time"),
        Field("status", "u2", None, "", "FrameStatus bits"),
        Field("q_w", "i4", 2.0**-31, "", "attitude icrs_from_cam, scalar part"),
        Field("q_x", "i4", 2.0**-31, "", "attitude, x"),
        Field("q_y", "i4", 2.0**-31, "", "attitude, y"),
        Field("q_z", "i4", 2.0**-31, "", "attitude, z"),
        Field("ifov_rad", "f8", None, "rad", "angle of one pixel"),
        Field("x0_px", "f8", None, "px", "boresight column"),
        Field("y0_px", "f8", None, "px", "boresight row"),
        Field("parity", "i1", None, "", "+1 or -1"),
        *[Field(name, "f4", None, "px", "distortion, term of geometry.bend_terms") for name in BENDS],
        Field("nx", "u2", None, "px", "columns"),
        Field("ny", "u2", None, "px", "rows"),
        *[Field(f"sigma_turn_{a}_arcsec", "f4", None, "arcsec", f"of the attitude, about the camera's {a}") for a in "xyz"],
        *[Field(f"corr_turn_{ab}", "i1", 1.0 / 127.0, "", "correlation of two of these") for ab in ("xy", "xz", "yz")],
        Field("sigma_scale", "f4", None, "", "of the solution, relative"),
        *[Field(f"pos_{a}_km", "f8", None, "km", "observer, GCRF") for a in "xyz"],
        *[Field(f"vel_{a}_km_s", "f8", None, "km/s", "observer, GCRF") for a in "xyz"],
        Field("n_stars", "u2", None, "", "stars found"),
        Field("n_registered", "u2", None, "", "stars matched to the reference frame"),
        Field("registration_rms_px", "f4", None, "px", "of those"),
        Field("unsolved", "u1", None, "", "place in REASONS: why the stars gave no solution, 0 if they did"),
        Field("n_solved", "u2", None, "", "stars matched to the table"),
        Field("solution_rms_px", "f4", None, "px", "of those, per axis"),
        Field("zeropoint_mag", "f4", None, "mag", "magnitude of 1 e-/s"),
        Field("sigma_zeropoint_mag", "f4", None, "mag", ""),
        Field("background_e", "f4", None, "e-", "median"),
        Field("noise_e", "f4", None, "e-", "median, per pixel"),
        Field("n_outliers", "u4", None, "", "pixels, as read out, rejected as hits or hot"),
        Field("psf_fwhm_px", "f4", None, "px", "measured on stars, pixel included"),
        Field("trail_x_px", "f4", None, "px", "star trail during the exposure"),
        Field("trail_y_px", "f4", None, "px", "star trail during the exposure"),
        _release_id(),
    ],
)

DETECTION = RecordType(
    "DETECTION",
    Apid.DETECTION,
    [
        *_common(),
        Field("tracklet_id", "i4", None, "", "-1: in no tracklet"),
        Field("x_px", "i4", PIXEL, "px", "raw file array, 0 = centre of the first pixel"),
        Field("y_px", "i4", PIXEL, "px", ""),
        Field("sigma_x_px", "f4", None, "px", ""),
        Field("sigma_y_px", "f4", None, "px", ""),
        Field("corr_xy", "i1", 1.0 / 127.0, "", "correlation of x and y"),
        Field("flux_e", "f4", None, "e-", "whole object, this exposure"),
        Field("sigma_flux_e", "f4", None, "e-", ""),
        Field("snr", "f4", None, "", "matched filter, this frame"),
        Field("log10_pfa", "i2", 0.01, "", "expected false alarms per set at the tracklet's SNR"),
        Field("kind", "u1", None, "", "0 point, 1 streak"),
        Field("length_px", "f4", None, "px", "trail"),
        Field("angle_deg", "i2", 90.0 / 2**15, "deg", "of the trail, from +x towards +y"),
        Field("ra_turn", "u4", TURN, "turn", "GCRS axes; see flag NO_SKY"),
        Field("dec_turn", "i4", TURN, "turn", ""),
        Field("sigma_ra_arcsec", "f4", None, "arcsec", "on the sky"),
        Field("sigma_dec_arcsec", "f4", None, "arcsec", ""),
        Field("mag", "i2", 0.001, "mag", "see flag NO_PHOTOMETRY"),
        Field("sigma_mag", "u2", 0.001, "mag", ""),
        Field("flags", "u2", None, "", "DetectionFlag bits"),
        _release_id(),
    ],
)

TRACKLET = RecordType(
    "TRACKLET",
    Apid.TRACKLET,
    [
        Field("tracklet_id", "i4", None, "", "unique in the recording"),
        Field("object_id", "i4", None, "", "of the detector's objects, one for all its tracklets; -1: not solved from stars"),
        Field("detector", "u1", None, "", ""),
        Field("epoch_frame", "u4", None, "", "frame whose detector pixels are the registered frame"),
        Field("first_frame", "u4", None, "", ""),
        Field("last_frame", "u4", None, "", ""),
        Field("n_frames", "u2", None, "", "measured members"),
        Field("x_px", "i4", PIXEL, "px", "at the epoch frame"),
        Field("y_px", "i4", PIXEL, "px", ""),
        Field("vx_px_frame", "i4", PIXEL, "px/frame", "registered frame, per cadence"),
        Field("vy_px_frame", "i4", PIXEL, "px/frame", ""),
        *[Field(f"cov_{a}{b}", "f4", None, "", "covariance of x, y, vx, vy") for a, b in
          ("xx", "xy", "xu", "xv", "yy", "yu", "yv", "uu", "uv", "vv")],
        Field("snr", "f4", None, "", "of the whole set"),
        Field("log10_pfa", "i2", 0.01, "", "expected false alarms per set at this SNR"),
        Field("chi2_per_dof", "f4", None, "", "of constant brightness"),
        Field("mag", "i2", 0.001, "mag", "see flag NO_PHOTOMETRY"),
        Field("sigma_mag", "u2", 0.001, "mag", ""),
        Field("flags", "u2", None, "", "DetectionFlag bits of all members"),
        Field("origin", "u1", None, "", "place in ORIGINS"),
    ],
)  # fmt: skip

ACK = RecordType(
    "ACK",
    Apid.ACK,
    [
        Field("t_tai_ns", "u8", None, "ns", "when, TAI since 1958-01-01"),
        Field("request", "u4", None, "", "number the sender gave"),
        Field("operation", "u2", None, "", "Operation"),
        Field("stage", "u1", None, "", "Stage"),
        Field("code", "u1", None, "", "Code"),
        Field("value_1", "f8", None, "", "what was asked for, or the limit that was broken"),
        Field("value_2", "f8", None, "", ""),
    ],
)

DWELL = RecordType(
    "DWELL",
    Apid.DWELL,
    [
        Field("dwell", "u4", None, "", "number, from 0 since start"),
        Field("set_id", "u4", None, "", "frame set it gave"),
        Field("cell", "u2", None, "", "of the scan table"),
        Field("detector", "u1", None, "", "0-based detector number"),
        Field("t_start_tai_ns", "u8", None, "ns", "start of its first exposure as planned, TAI since 1958-01-01"),
        Field("n_planned", "u2", None, "", "frames"),
        Field("n_processed", "u2", None, "", "frames used"),
        Field("is_done", "u1", None, "", "1: searched; 0: missed"),
        Field("reason", "u1", None, "", "place in REASONS: why it was missed"),
        Field("degraded", "u1", None, "", "level of overload at which it was searched"),
    ],
)

IMAGE_PART = 480
IMAGE = RecordType(
    "IMAGE",
    Apid.IMAGE,
    [
        *_common(),
        Field("request", "u4", None, "", "telecommand that asked for it"),
        Field("x_px", "u2", None, "px", "first column of the whole, of the frame as read out"),
        Field("y_px", "u2", None, "px", "first row of the whole, likewise"),
        Field("nx", "u2", None, "px", "columns of the whole"),
        Field("ny", "u2", None, "px", "rows of the whole"),
        Field("offset", "u4", None, "bytes", "of this part in the whole, rows of big-endian u16"),
        Field("n_bytes", "u2", None, "bytes", "of this part"),
        Field("part", f"S{IMAGE_PART}", None, "", "zeros behind its end"),
    ],
)

RECORDS = {record.apid: record for record in (SET, EVENT, HEALTH, ACK, DWELL, FRAME, DETECTION, TRACKLET, IMAGE)}
