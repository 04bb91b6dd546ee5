"""A FITS header per frame that maps pixels to *catalogue* directions, for overlays: no aberration in it.

The camera's solution is in GCRS axes; the Earth's aberration is taken out of a grid of directions, and a TAN projection
is fitted to them, TAN-SIP where the optics bend. Over a few degrees the differential aberration is a scale and a shear, which
the CD matrix holds.
"""

import numpy as np
from astropy import units
from astropy.io import fits

from sensorproc.conventions import FITS_ORIGIN
from sensorproc.geometry import (
    N_BEND,
    Camera,
    aberrate,
    as_rows,
    dcm_from_quaternion,
    radec_from_unit,
    tangent_axes,
    unit_from_radec,
)
from sensorproc.ground.observations import Row
from sensorproc.offline import get_body_barycentric_posvel, tai_time
from sensorproc.timescales import MJD_OF_EPOCH, NS_PER_S, leap_seconds_at, utc_from_tai_ns

SIP_ORDER = 4  # of a distortion of third order and its inverse, and of a tangent point that is not the boresight


def header(record: Row, marking: str, data_mode: str) -> fits.Header:
    """Header of a FRAME record that has a sky solution."""
    dcm = dcm_from_quaternion([record[f"q_{axis}"] for axis in "wxyz"])  # type: ignore[arg-type]
    bends = tuple(record[f"bend_{k:02d}"] for k in range(N_BEND))
    distortion = bends if any(bends) else ()
    camera = Camera(record["ifov_rad"], record["x0_px"], record["y0_px"], record["parity"], as_rows(dcm), distortion)
    tai_ns = record["t_mid_tai_ns"]
    velocity = get_body_barycentric_posvel("earth", tai_time(tai_ns))[1].xyz.to_value(units.km / units.s)
    x = np.linspace(0, record["nx"] - 1, 9)
    xx, yy = (g.ravel() for g in np.meshgrid(x, np.linspace(0, record["ny"] - 1, 9)))
    catalogue = aberrate(camera.los_icrs(xx, yy), -velocity)
    x0, y0 = (record["nx"] - 1) / 2, (record["ny"] - 1) / 2
    ra, dec = radec_from_unit(aberrate(camera.los_icrs(np.float64(x0), np.float64(y0)), -velocity))
    plane = _plane(catalogue, float(ra), float(dec))
    cd, sip = _fit(plane, xx - x0, yy - y0, SIP_ORDER if distortion else 1)
    card = fits.Header()
    card["WCSAXES"] = 2
    kind = "-SIP" if distortion else ""
    card["CTYPE1"], card["CTYPE2"] = f"RA---TAN{kind}", f"DEC--TAN{kind}"
    card["CUNIT1"], card["CUNIT2"] = "deg", "deg"
    card["CRVAL1"], card["CRVAL2"] = float(np.degrees(ra)), float(np.degrees(dec))
    card["CRPIX1"], card["CRPIX2"] = x0 + FITS_ORIGIN, y0 + FITS_ORIGIN
    for (i, j), value in np.ndenumerate(np.degrees(cd)):
        card[f"CD{i + 1}_{j + 1}"] = float(value)
    for name, value in sip.items():
        card[name] = value
    card["RADESYS"] = "ICRS"
    card["DATE-AVG"] = (utc_from_tai_ns(tai_ns), "mid-exposure, UTC")
    card["MJD-AVG"] = MJD_OF_EPOCH + (tai_ns / NS_PER_S - leap_seconds_at(tai_ns)) / 86400.0
    card["IMAGEW"], card["IMAGEH"] = record["nx"], record["ny"]
    card["MARKING"], card["DATAMODE"] = marking, data_mode
    card["ABERR"] = ("CATALOG", "catalogue directions: no aberration")
    return card


def _plane(los: np.ndarray, ra: float, dec: float) -> np.ndarray:
    """Places (n, 2) of directions (n, 3) on the tangent plane at (ra, dec) [rad]."""
    east, north = tangent_axes(ra, dec)
    depth = los @ unit_from_radec(np.float64(ra), np.float64(dec))
    return np.stack([los @ east / depth, los @ north / depth], axis=1)


def _fit(plane: np.ndarray, dx: np.ndarray, dy: np.ndarray, order: int) -> tuple[np.ndarray, dict[str, int | float]]:
    """CD matrix [rad/px] about the middle of the field, and the cards of its SIP polynomials, forward and inverse (Shupe et al.
    2005, ASP Conf. 347, 491)."""
    powers = [(i, j) for i in range(order + 1) for j in range(order + 1 - i) if i + j]
    linear = [powers.index((1, 0)), powers.index((0, 1))]
    answer = np.linalg.lstsq(_monomials(dx, dy, powers), plane, rcond=None)[0]
    cd = answer[linear].T
    if order == 1:
        return cd, {}
    bent = answer @ np.linalg.inv(cd).T  # polynomials of the pixels before the matrix
    cards: dict[str, int | float] = {"A_ORDER": order, "B_ORDER": order, "AP_ORDER": order, "BP_ORDER": order}
    u, v = (plane @ np.linalg.inv(cd).T).T
    back = np.linalg.lstsq(_monomials(u, v, powers), np.stack([dx - u, dy - v], axis=1), rcond=None)[0]
    for k, (i, j) in enumerate(powers):
        for axis, name in enumerate("AB"):
            if i + j > 1:
                cards[f"{name}_{i}_{j}"] = float(bent[k, axis])
            cards[f"{name}P_{i}_{j}"] = float(back[k, axis])
    return cd, cards


def _monomials(x: np.ndarray, y: np.ndarray, powers: list[tuple[int, int]]) -> np.ndarray:
    return np.stack([x**i * y**j for i, j in powers], axis=1)
