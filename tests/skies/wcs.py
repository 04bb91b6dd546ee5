"""How far two WCS headers place the same pixels apart."""

import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning

N_SIDE = 21  # of the grid of places compared


def displaced(product: Path, reference: WCS) -> np.ndarray:
    """Displacements (n, 2) [px] of a product over a grid of its image, corners and middle included."""
    header = fits.Header.fromstring(product.read_text("ascii"))
    axes = (np.linspace(0, header[name] - 1, N_SIDE) for name in ("IMAGEW", "IMAGEH"))
    x, y = (g.ravel() for g in np.meshgrid(*axes))
    u, v = WCS(header).all_world2pix(*reference.all_pix2world(x, y, 0), 0)
    return np.stack([u - x, v - y], axis=1)


def from_header(path: Path) -> WCS:
    """A reference from a header on its own; what astropy mends in it is not told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(fits.Header.fromstring(path.read_bytes().decode("ascii", "replace")))
