"""Pixels as they are read: one type, and flags for what is saturated, lost or garbled."""

from dataclasses import replace

import numpy as np

from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard.products import freeze
from sensorproc.recording.saturation import saturation_dn

ZERO_RUN_PX = 16  # so many zeros in a row, above a bias, are lost data and not dark sky


def make_frame(
    data: np.ndarray,
    source: str,
    t_mid_tai_ns: int,
    exposure_s: float,
    facts: SensorFacts = SensorFacts(),
    overscan_columns: slice | None = None,
    full_scale_dn: float | None = None,
    **rest: object,
) -> Frame:
    """A frame from pixels: casts once, flags saturation, lost blocks, non-finite values and overscan. ``full_scale_dn`` is from
    where on pixels are saturated, where that is known."""
    data = np.ascontiguousarray(data)
    flags = np.zeros(data.shape, np.uint8)
    saturated = saturation_dn(data, full_scale_dn)
    if saturated is not None:
        flags[data >= saturated] |= PixelFlag.SATURATED.value
    if data.dtype.kind in "iu" and data.dtype.itemsize <= 2 and data.min(initial=0) >= 0:
        data = data.astype(np.uint16)
    else:
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and infinite is NO_DATA
            data = data.astype(np.float32)
        flags[~np.isfinite(data)] |= PixelFlag.NO_DATA.value
        data = np.nan_to_num(data, nan=0.0, posinf=0.0, neginf=0.0)
    flags[lost_blocks(data)] |= PixelFlag.NO_DATA.value
    flags[garbled_rows(data)] |= PixelFlag.NO_DATA.value
    bias_rows = None
    if overscan_columns is not None:
        columns = data[:, overscan_columns].astype(np.float32)
        # the first rows and columns of a readout settle: a running median over rows is immune to both
        level = np.median(columns, axis=1)
        bias_rows = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(level, 15, "edge"), 31), axis=1)
        bias_rows = bias_rows.astype(np.float32)
        flags[:, overscan_columns] |= PixelFlag.NO_DATA.value
        freeze(bias_rows)
    freeze(data, flags)
    return Frame(
        index=0,
        source=source,
        data_dn=data,
        flags=flags,
        t_mid_tai_ns=t_mid_tai_ns,
        exposure_s=exposure_s,
        facts=facts,
        bias_rows_dn=bias_rows,
        **{"detector": 0, **rest},  # type: ignore[arg-type]
    )


def lost_blocks(data: np.ndarray) -> np.ndarray:
    """Mask of runs of zeros along rows in a frame whose normal level is well above zero."""
    zero = data == 0
    if not zero.any() or np.median(data[::4, ::4]) < 20:
        return np.zeros(data.shape, bool)
    padded = np.pad(zero, ((0, 0), (1, 1))).astype(np.int8)
    edges = np.diff(padded, axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    lost = np.zeros(data.shape, bool)
    for row, start, end in zip(rows, starts, ends, strict=True):
        if end - start >= min(ZERO_RUN_PX, data.shape[1]):
            lost[row, start:end] = True
    return lost


def garbled_rows(data: np.ndarray) -> np.ndarray:
    """Mask (ny,) of rows whose level jumps out of the smooth run of rows around them: damaged in transmission.

    A star, even a bleeding one, moves the median of a row little.
    """
    level = np.median(data, axis=1)
    if len(level) < 32:
        return np.zeros(len(level), bool)
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(level, 10, "edge"), 21), axis=1)
    jump = np.abs(level - smooth)
    garbled = jump > np.maximum(30.0 * np.median(jump), 0.25 * np.abs(smooth) + 16.0)
    return garbled | (np.roll(garbled, 1) | np.roll(garbled, -1)) & (jump > 5.0 * np.median(jump))


def pad(frame: Frame, shape: tuple[int, int]) -> Frame:
    """The frame enlarged to ``shape`` at its far edges, the new pixels NO_DATA."""
    ny, nx = frame.data_dn.shape
    if (ny, nx) == shape:
        return frame
    extra = ((0, shape[0] - ny), (0, shape[1] - nx))
    data = np.pad(frame.data_dn, extra)
    flags = np.pad(frame.flags, extra, constant_values=int(PixelFlag.NO_DATA))
    bias = frame.bias_rows_dn
    bias = None if bias is None else np.pad(bias, (0, shape[0] - ny), "edge")
    freeze(data, flags, *([] if bias is None else [bias]))
    return replace(frame, data_dn=data, flags=flags, bias_rows_dn=bias)
