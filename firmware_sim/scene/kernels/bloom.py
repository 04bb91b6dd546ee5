"""Charge that overflows its pixel."""

import numba


@numba.njit("void(float64[:, ::1], float64)", cache=True, nogil=True)
def bloom(electrons, full_well):
    """Spill charge above the full well along columns, half of it each way, in place; what reaches an end is lost."""
    ny, nx = electrons.shape
    for x in range(nx):
        full = False
        for y in range(ny):
            full = full or electrons[y, x] > full_well
        if not full:
            continue
        up = 0.0
        for y in range(ny):  # charge that moves towards larger y; what moves back stays above the well until it does
            held = electrons[y, x]
            if held > full_well:
                up += 0.5 * (held - full_well)
                electrons[y, x] = full_well + 0.5 * (held - full_well)
            else:
                filled = min(up, full_well - held)
                electrons[y, x] = held + filled
                up -= filled
        down = 0.0
        for y in range(ny - 1, -1, -1):
            held = electrons[y, x]
            if held > full_well:
                down += held - full_well
                electrons[y, x] = full_well
            else:
                filled = min(down, full_well - held)
                electrons[y, x] = held + filled
                down -= filled
