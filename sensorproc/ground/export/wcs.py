"""A FITS header per frame that maps pixels to *catalogue* directions, for overlays: no aberration in it.

The camera's solution is in GCRS axes; the Earth's aberration is taken out of a grid of directions, and a TAN projection
is fitted to them. Over a few degrees the differential aberration is a scale and a shear, which the CD matrix holds.
"""

import numpy as np
from astropy import units
from astropy.coordinates import get_body_barycentric_posvel
from astropy.io import fits
from astropy.time import Time

from sensorproc.conventions import FITS_ORIGIN
from sensorproc.geometry import Camera, aberrate, as_rows, dcm_from_quaternion, radec_from_unit, tangent_axes, unit_from_radec
from sensorproc.ground.observations import Row
from sensorproc.timescales import utc_from_tai_ns


def header(record: Row) -> fits.Header:
    """Header of a FRAME record that has a sky solution."""
    dcm = dcm_from_quaternion([record[f"q_{axis}"] for axis in "wxyz"])  # type: ignore[arg-type]
    camera = Camera(record["ifov_rad"], record["x0_px"], record["y0_px"], record["parity"], as_rows(dcm))
    utc = utc_from_tai_ns(record["t_mid_tai_ns"])
    velocity = get_body_barycentric_posvel("earth", Time(utc, scale="utc"))[1].xyz.to_value(units.km / units.s)
    x = np.linspace(0, record["nx"] - 1, 9)
    xx, yy = (g.ravel() for g in np.meshgrid(x, np.linspace(0, record["ny"] - 1, 9)))
    catalogue = aberrate(camera.los_icrs(xx, yy), -velocity)
    x0, y0 = (record["nx"] - 1) / 2, (record["ny"] - 1) / 2
    ra, dec = radec_from_unit(aberrate(camera.los_icrs(np.float64(x0), np.float64(y0)), -velocity))
    cd = _fit(catalogue, xx - x0, yy - y0, float(ra), float(dec))
    card = fits.Header()
    card["WCSAXES"] = 2
    card["CTYPE1"], card["CTYPE2"] = "RA---TAN", "DEC--TAN"
    card["CUNIT1"], card["CUNIT2"] = "deg", "deg"
    card["CRVAL1"], card["CRVAL2"] = float(np.degrees(ra)), float(np.degrees(dec))
    card["CRPIX1"], card["CRPIX2"] = x0 + FITS_ORIGIN, y0 + FITS_ORIGIN
    for (i, j), value in np.ndenumerate(np.degrees(cd)):
        card[f"CD{i + 1}_{j + 1}"] = float(value)
    card["RADESYS"] = "ICRS"
    card["DATE-AVG"] = (utc, "mid-exposure, UTC")
    card["MJD-AVG"] = Time(utc, scale="utc").mjd
    card["IMAGEW"], card["IMAGEH"] = record["nx"], record["ny"]
    card["ABERR"] = ("CATALOG", "catalogue directions: no aberration")
    return card


def _fit(los: np.ndarray, dx: np.ndarray, dy: np.ndarray, ra: float, dec: float) -> np.ndarray:
    """CD matrix [rad/px] of the tangent plane at (ra, dec) through the middle of the field."""
    east, north = tangent_axes(ra, dec)
    middle = unit_from_radec(np.float64(ra), np.float64(dec))
    depth = los @ middle
    plane = np.stack([los @ east / depth, los @ north / depth], axis=1)
    return np.linalg.lstsq(np.stack([dx, dy], axis=1), plane, rcond=None)[0].T
