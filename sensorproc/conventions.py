"""The page that ends arguments: axes, pixel origin, sky frames, time, units, suffixes.

Pixels
    Arrays are ``image[y, x]``; shapes are ``(ny, nx)`` or ``(frame, y, x)``. Coordinates are 0-based and an
    integer is a pixel *centre*: a delta at ``image[5, 3]`` has its centroid at ``(x, y) = (3, 5)``. FITS
    (``CRPIX``) is the same place plus one, and the plus one is written only where FITS is read or written.
    Coordinates always refer to the raw file array: overscan is flagged, never cut away.
    A streak's position is the flux-weighted mean of its trail; angles run from +x towards +y, in (-90, 90] deg.

Sky
    ICRS axes throughout. *Catalogue* directions are barycentric ICRS places. *GCRS* directions are what an
    observer moving with the Earth sees: the catalogue is aberrated with the Earth's barycentric velocity
    before the plate is solved, so reported right ascension and declination are geometric directions in GCRS
    axes; the orbital part of the observer's velocity (at most 2.1 arcsec in geostationary orbit) is absorbed
    by the attitude solution, and light time is left to orbit determination.
    ``dcm_a_from_b @ v_b`` gives ``v_a``: destination first. The camera frame is +x along image x, +y along
    image y, +z out of the aperture for ``parity = +1``; ``parity = -1`` mirrors image x.
    Roll is the position angle from East through North of the image +x axis.

Time
    On board, time is an integer of TAI nanoseconds since 1958-01-01 at *mid-exposure*. UTC exists at the
    edges only (recordings, ground). It never passes through a float of seconds.

Units
    Suffixes at public boundaries: ``_px _px_frame _s _ns _e _dn _rad _urad _deg _arcsec _mag _bytes _bits
    _snr``. Angles without a suffix are radians. Velocities in px/frame are per *nominal cadence*.

Not a number
    After ``calibrate`` no image holds NaN or infinity: a bad pixel has a flag bit, weight 0 and a finite fill.
"""

import math

FWHM_TO_SIGMA = 0.42466  # rounded, and kept so: products hold its bits

ARCSEC_PER_RAD = math.degrees(1.0) * 3600.0
FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
FITS_ORIGIN = 1  # FITS pixel coordinate of the centre of the first pixel
MOST_PX_A_SIDE = 8191  # of a detector: places beyond it do not fit the packets
EARTH_RATE_RAD_S = 7.292115e-5  # inertial rotation rate of the Earth, IERS 2010 table 1.2
OBSERVER_KM = (6000.0, 2e6)  # from the Earth's centre, of an observer around it
SPEED_OF_LIGHT_KM_S = 299792.458
SUN_COLOUR = 0.82  # BP-RP of the Sun [mag] (Casagrande & VandenBerg 2018)
TLE_CHARACTERS = 69  # In a line of two-line elements.


def demand_two_lines(lines: tuple[str, str]) -> tuple[str, str]:
    """Two-line elements of a satellite: two lines of 69 characters with a number before and a checksum behind.

    Raises
    ------
    ValueError
        If they are none.
    """
    for number, line in enumerate(lines, 1):
        if len(line) != TLE_CHARACTERS or not line.startswith(f"{number} ") or not line.isascii():
            raise ValueError(f"line {number} wants {TLE_CHARACTERS} characters that begin with '{number} '")
        checksum = sum(int(c) if c.isdigit() else c == "-" for c in line[:-1]) % 10
        if line[-1] != str(checksum):
            raise ValueError(f"line {number} ends with {line[-1]!r}, its checksum is {checksum}")
    if lines[0][2:7] != lines[1][2:7]:
        raise ValueError(f"the lines are of two satellites, {lines[0][2:7].strip()} and {lines[1][2:7].strip()}")
    return lines
