"""Two-body orbits in GCRF axes: states from elements, and their propagation."""

import math

import numpy as np

GM_EARTH = 398600.4418  # km^3/s^2, EGM96
SIDEREAL_RATE = 7.2921150e-5  # rad/s
GEO_RADIUS_KM = (GM_EARTH / SIDEREAL_RATE**2) ** (1.0 / 3.0)
State = tuple[np.ndarray, np.ndarray]  # position (3,) [km], velocity (3,) [km/s]


def state_from_elements(a_km: float, e: float, inclination: float, node: float, perigee: float, anomaly: float) -> State:
    """State of classical elements; angles in radians, ``anomaly`` the true one (Vallado 2013, algorithm 10)."""
    p = a_km * (1.0 - e * e)
    radius = p / (1.0 + e * math.cos(anomaly))
    in_plane = radius * np.array([math.cos(anomaly), math.sin(anomaly), 0.0])
    velocity = math.sqrt(GM_EARTH / p) * np.array([-math.sin(anomaly), e + math.cos(anomaly), 0.0])
    turn = _about_z(node) @ _about_x(inclination) @ _about_z(perigee)
    return turn @ in_plane, turn @ velocity


def propagate(state: State, dt_s: float) -> State:
    """State after a time on the same two-body orbit, by universal variables (Vallado 2013, algorithm 8)."""
    r0, v0 = state
    radius, speed2 = float(np.linalg.norm(r0)), float(v0 @ v0)
    alpha = 2.0 / radius - speed2 / GM_EARTH  # 1/a
    root = math.sqrt(GM_EARTH)
    along = float(r0 @ v0) / root
    chi = root * dt_s * alpha if alpha > 0 else root * dt_s / radius
    for _ in range(60):
        c2, c3 = _stumpff(alpha * chi * chi)
        r = chi * chi * c2 + along * chi * (1 - alpha * chi * chi * c3) + radius * (1 - alpha * chi * chi * c2)
        error = root * dt_s - (chi**3 * c3 + along * chi * chi * c2 + radius * chi * (1 - alpha * chi * chi * c3))
        step = error / r
        chi += step
        if abs(step) < 1e-9:
            break
    c2, c3 = _stumpff(alpha * chi * chi)
    f, g = 1 - chi * chi * c2 / radius, dt_s - chi**3 * c3 / root
    position = f * r0 + g * v0
    r = float(np.linalg.norm(position))
    g_dot, f_dot = 1 - chi * chi * c2 / r, root / (r * radius) * chi * (alpha * chi * chi * c3 - 1)
    return position, f_dot * r0 + g_dot * v0


def _stumpff(z: float) -> tuple[float, float]:
    if z > 1e-6:
        s = math.sqrt(z)
        return (1 - math.cos(s)) / z, (s - math.sin(s)) / (s * z)
    if z < -1e-6:
        s = math.sqrt(-z)
        return (math.cosh(s) - 1) / -z, (math.sinh(s) - s) / (s * -z)
    return 0.5 - z / 24, 1 / 6 - z / 120


def _about_z(angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _about_x(angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
