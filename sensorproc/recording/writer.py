"""Writing recordings: one Rice-compressed FITS file per frame, with the keywords our readers know."""

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from astropy.io import fits

from sensorproc.frames import Frame
from sensorproc.geometry import radec_from_unit, tangent_axes
from sensorproc.timescales import NS_PER_S, utc_from_tai_ns

FACT_CARDS = {
    "gain_e_per_dn": ("GAIN", "e-/DN"),
    "read_noise_e": ("RDNOISE", "e- rms"),
    "bias_dn": ("BIASLVL", "DN"),
    "full_well_e": ("FULLWELL", "e-"),
    "ifov_arcsec": ("IFOV", "arcsec/px"),
    "zeropoint_mag": ("ZEROPT", "mag giving 1 e-/s"),
}


def write_frame(path: Path, frame: Frame, compress: bool = True, cards: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Write one frame of uint16 pixels and further ``cards``; Rice compression of integers is lossless."""
    header = fits.Header(cards)
    start = frame.t_mid_tai_ns - round(0.5 * frame.exposure_s * NS_PER_S)
    header["DATE-OBS"] = (utc_from_tai_ns(start), "exposure start, UTC")
    header["TIMESYS"] = "UTC"
    header["EXPTIME"] = (frame.exposure_s, "s")
    header["DETECNUM"] = frame.detector
    for name, (card, unit) in FACT_CARDS.items():
        value = getattr(frame.facts, name)
        if value is not None:
            header[card] = (value, unit)
    if frame.observer is not None:
        state = (*frame.observer.position_km, *frame.observer.velocity_km_s)
        for card, value in zip(("SAT_X", "SAT_Y", "SAT_Z", "SAT_VX", "SAT_VY", "SAT_VZ"), state, strict=True):
            header[card] = (value, "observer, GCRF, mid exposure, km and km/s")
    if frame.camera is not None:
        _write_wcs(header, frame)
    data = np.asarray(frame.data_dn, np.uint16)
    hdu = fits.CompImageHDU(data, header, compression_type="RICE_1") if compress else fits.ImageHDU(data, header)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)


def _write_wcs(header: fits.Header, frame: Frame) -> None:
    camera = frame.camera
    assert camera is not None
    dcm, scale = camera.dcm, math.degrees(camera.ifov_rad)
    ra, dec = (float(v) for v in radec_from_unit(dcm[:, 2]))
    east, north = tangent_axes(ra, dec)
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRVAL1"], header["CRVAL2"] = math.degrees(ra), math.degrees(dec)
    header["CRPIX1"], header["CRPIX2"] = camera.x0_px + 1, camera.y0_px + 1
    for row, axis in ((1, east), (2, north)):
        header[f"CD{row}_1"] = scale * camera.parity * float((axis * dcm[:, 0]).sum())
        header[f"CD{row}_2"] = scale * float((axis * dcm[:, 1]).sum())
