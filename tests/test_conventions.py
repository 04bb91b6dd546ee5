"""Axes, origins and frames mean what ``conventions`` says."""

import numpy as np
from astropy.wcs import WCS

from sensorproc.geometry import Camera, as_rows, dcm_from_pointing
from sensorproc.onboard.image.matched_filter import template
from sensorproc.onboard.image.star_finding import find_stars
from sensorproc.onboard.kernels.peaks import local_maxima
from sensorproc.onboard.products import Trail


def test_a_delta_at_x3_y5_is_image_5_3():
    image = np.zeros((12, 10), np.float32)
    image[5, 3] = 1.0
    found = np.empty((4, 2), np.int64)
    assert local_maxima(image, 0.5, 1, found) == 1
    assert found[0].tolist() == [5, 3]


def test_centroid_of_a_centred_source_is_its_pixel():
    image = np.zeros((21, 19), np.float32)
    image[5 - 4 : 5 + 5, 6 - 4 : 6 + 5] = template(Trail(), 1.0)
    (x, y, _), *_ = find_stars(image, 0.01, 2, 5)
    np.testing.assert_allclose((x, y), (6, 5), atol=1e-5)


def test_fits_is_one_more():
    camera = Camera(1e-5, 3.0, 5.0, 1, as_rows(dcm_from_pointing(1.0, 0.5, 0.2)))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [4.0, 6.0]
    wcs.wcs.crval = np.degrees([1.0, 0.5])
    cos, sin, scale = np.cos(0.2), np.sin(0.2), np.degrees(1e-5)
    wcs.wcs.cd = scale * np.array([[cos, -sin], [sin, cos]])
    x, y = np.array([0.0, 100.0, -50.0]), np.array([0.0, -30.0, 80.0])
    expected = wcs.all_pix2world(np.stack([x, y], 1), 0)
    np.testing.assert_allclose(np.degrees(np.stack(camera.radec(x, y), 1)), expected, atol=1e-9)
    back = camera.pixel(camera.los_icrs(x, y))
    np.testing.assert_allclose(back, (x, y), atol=1e-7)
