"""Pixel and detection flags: bit, name and meaning, written once."""

from enum import IntFlag


class PixelFlag(IntFlag):
    """What is known to be wrong with a pixel (uint8). Any bit but none gives the pixel weight 0."""

    NO_DATA = 1  # never read, lost, zero-filled, padding, or overscan
    SATURATED = 2  # at or above full well or the converter's limit, or next to such a pixel
    HOT = 4  # dark current too high, or found hot by its running statistics
    DEAD = 8  # does not respond
    COSMIC_RAY = 16  # sharper than the point spread function allows, in this frame only
    STAR_CORE = 32  # a star so bright that its model cannot be trusted here


class DetectionFlag(IntFlag):
    """What a user of a detection must know (uint16)."""

    EDGE = 1  # part of the template lies outside the detector
    BLEND = 2  # a subtracted star bright enough to move its flux lay under it, or another object was fitted together with it
    SATURATED = 4  # a saturated pixel inside the template
    BAD_PIXELS = 8  # more than a tenth of the template's energy lies on masked pixels
    STREAK = 16  # trailed by more than the width of the point spread function
    EXTENDED = 32  # wider than the point spread function
    SLOW = 64  # moves against the stars by less than one pixel a frame
    SINGLE_FRAME = 128  # seen in one frame only
    POINTING_PRIOR = 256  # sky position rests on the header's pointing, not on stars
    NO_SKY = 512  # no pointing known: right ascension and declination are absent
    NO_PHOTOMETRY = 1024  # no zero point known: magnitude is absent
    NOT_SEEN = 2048  # tracklet member below 2 sigma in this frame: a measurement at the predicted place
    UNCALIBRATED_GAIN = 4096  # gain unknown, taken as 1 e-/DN
    ELONGATED = 16384  # wider in one direction than the point spread function: perhaps two objects
    CURVED = 32768  # does not move straight and uniformly over the set: its members' places tell more than its rate
    NO_TIME = 8192  # the recording gave no time: times count frames, one second apart from 1972


def names(flag_type: type[IntFlag], value: int) -> str:
    """Names of the set bits joined by ``|``; an empty string for none.

    >>> names(PixelFlag, 5)
    'NO_DATA|HOT'
    """
    return "|".join(flag.name or "" for flag in flag_type if value & flag)
