"""Charge that traps hold back on its way to the amplifier."""

import math

import numba


@numba.njit("void(float64[:, ::1], float64, float64)", cache=True, nogil=True)
def defer(electrons, loss_per_row, release_rows):
    """Charge-transfer inefficiency in place: row 0 is read first; what a packet loses comes out in the rows after it."""
    ny, nx = electrons.shape
    released = 1.0 - math.exp(-1.0 / release_rows)
    for x in range(nx):
        held = 0.0
        for y in range(ny):
            given = held * released
            lost = electrons[y, x] * (1.0 - (1.0 - loss_per_row) ** y)
            held += lost - given
            electrons[y, x] += given - lost
