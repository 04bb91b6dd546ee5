"""Frames as a camera reads them out that sums n x n pixels into one: for some of the SNR so much less work.

A binned frame is a frame of a coarser detector: whoever processes it need not know. The products are told in pixels of the
detector itself (:func:`sensorproc.onboard.records.in_detector_px`).
"""

from dataclasses import replace

import numpy as np

from sensorproc.errors import ShapeError
from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard.frame.lost_lines import lost_lines
from sensorproc.onboard.products import freeze

MOST_DN = np.iinfo(np.uint16).max


def binned_shape(shape: tuple[int, int], n: int) -> tuple[int, int]:
    """Shape (ny, nx) of a frame whose pixels are summed n x n; a part of a group counts as one."""
    return -(-shape[0] // n), -(-shape[1] // n)


def binned(frame: Frame, n: int, saturation_fraction: float) -> Frame:
    """The frame with n x n pixels summed.

    A group is as bad as its worst pixel: lost on the way, or saturated, from ``saturation_fraction`` of full well on, where that
    is known; one that the frame's edge cuts is NO_DATA. Where gain and full well are known sums of whole numbers are kept in 16
    bits: if the largest does not fit, their lowest bits are given up, rounded. A sum that is larger still is SATURATED. Else sums
    are float32.
    """
    if n == 1:
        return frame
    facts, shift = frame.facts, _shift(frame, n)
    flags = frame.flags | lost_lines(frame.data_dn) * np.uint8(PixelFlag.NO_DATA)
    if facts.full_well_e is not None:
        limit = (facts.bias_dn or 0.0) + saturation_fraction * facts.full_well_e / (facts.gain_e_per_dn or 1.0)
        flags = flags | (frame.data_dn >= limit) * np.uint8(PixelFlag.SATURATED)
    flags = np.bitwise_or.reduce(_groups(flags, n, PixelFlag.NO_DATA.value), axis=(1, 3))
    if shift is None:
        data = _groups(frame.data_dn, n).sum(axis=(1, 3), dtype=np.float32)
    else:
        sums = (_groups(frame.data_dn, n).sum(axis=(1, 3), dtype=np.uint32) + ((1 << shift) >> 1)) >> shift
        flags |= (sums > MOST_DN) * np.uint8(PixelFlag.SATURATED)
        data = np.minimum(sums, MOST_DN).astype(np.uint16)
    unit = n * n / 2.0 ** (shift or 0)
    rows = frame.bias_rows_dn
    if rows is not None:
        rows = (unit * np.pad(rows, (0, -len(rows) % n), "edge").reshape(-1, n).mean(axis=1)).astype(np.float32)
        freeze(rows)
    freeze(data, flags)
    camera = frame.camera.binned(n) if frame.camera else None
    summed = replace(frame, data_dn=data, flags=flags, bias_rows_dn=rows, camera=camera)
    return replace(summed, facts=_facts(facts, n, unit), binning=n * frame.binning)


def demand_binning(frame: Frame, n: int) -> None:
    """Demand that a frame's pixels are summed as configured.

    Raises
    ------
    ShapeError
        If they are not.
    """
    if frame.binning != n:
        each, want = (f"{k} x {k}" for k in (frame.binning, n))
        raise ShapeError(f"{frame.source}: its pixels are summed {each}, the configuration says {want}; see binning.binned")


def binned_maps(dark_e_s: np.ndarray | None, bad: np.ndarray | None, n: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """A detector's dark map [e-/s] and bad pixels for frames whose pixels are summed n x n."""
    if n > 1 and dark_e_s is not None:
        dark_e_s = _groups(dark_e_s, n).sum(axis=(1, 3), dtype=np.float32)
    if n > 1 and bad is not None:
        bad = np.bitwise_or.reduce(_groups(bad, n), axis=(1, 3))
    return dark_e_s, bad


def _groups(image: np.ndarray, n: int, beyond: int = 0) -> np.ndarray:
    """An image as (rows, n, columns, n), pixels ``beyond`` its far edges in the last groups."""
    ny, nx = image.shape
    if ny % n or nx % n:
        image = np.pad(image, ((0, -ny % n), (0, -nx % n)), constant_values=beyond)
    return image.reshape(-(-ny // n), n, -(-nx // n), n)


def _shift(frame: Frame, n: int) -> int | None:
    """Lowest bits that sums give up so that the largest fits 16 bits, the same for all frames of a sensor; None where it is not
    known what that may be, or what a number is worth."""
    facts = frame.facts
    if frame.data_dn.dtype.kind == "f" or facts.full_well_e is None or facts.gain_e_per_dn is None:
        return None
    most = min((facts.bias_dn or 0.0) + facts.full_well_e / facts.gain_e_per_dn, float(MOST_DN))
    return max(int(np.ceil(np.log2(n * n * most / MOST_DN))), 0)


def _facts(facts: SensorFacts, n: int, unit: float) -> SensorFacts:
    """Of the coarser detector, whose numbers are ``unit`` times the mean of a group's."""

    def times(value: float | None, factor: float) -> float | None:
        return None if value is None else factor * value

    return replace(
        facts, gain_e_per_dn=times(facts.gain_e_per_dn, n * n / unit), bias_dn=times(facts.bias_dn, unit),
        read_noise_e=times(facts.read_noise_e, n), full_well_e=times(facts.full_well_e, n * n),
        ifov_arcsec=times(facts.ifov_arcsec, n),
    )  # fmt: skip
