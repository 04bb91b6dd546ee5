"""Objects drawn at random over the field, with the brightness a wanted SNR asks for."""

import math

import numpy as np

from firmware_sim.scene.camera.optics import point_noise_e, sampled_width
from firmware_sim.scene.camera.psf import core_px
from firmware_sim.scene.objects.illumination import lit_mag
from firmware_sim.scene.objects.targets import Target, sight, state_in_field
from firmware_sim.scene.orbit import GEO_RADIUS_KM, GM_EARTH, State
from firmware_sim.scene.settings.scene import Scene
from firmware_sim.scene.settings.targets import Drawn

RANGE_KM = 20000.0  # of objects given by their motion alone
EDGE_PX = 12.0
TRIES = 300


def drawn_targets(
    scene: Scene, host: State, camera: np.ndarray, spin: np.ndarray, sun: np.ndarray, sky_e: float, first: int
) -> list[Target]:
    """All drawn objects; ``sky_e`` is the diffuse light of an exposure in mid-field, ``first`` their first number."""
    found: list[Target] = []
    frames_of_a_set = scene.n_frames / math.ceil(scene.n_frames / scene.set_frames)
    for k, drawn in enumerate(scene.drawn):
        rng = np.random.default_rng([scene.seed, 5, k])
        places: list[tuple[float, float]] = []
        for _ in range(drawn.n):
            place = _apart(places, drawn.apart_px, scene, rng)
            places.append(place)
            state, rate = _motion(drawn, place, scene, host, camera, spin, rng)
            snr = rng.uniform(*drawn.set_snr)
            wanted = _mag(snr / math.sqrt(frames_of_a_set), rate, sky_e, scene)
            unit_mag = lit_mag(1.0, state[0], host[0], sun)
            area = 10.0 ** (0.4 * (unit_mag - wanted)) if math.isfinite(unit_mag) else 1.0
            found.append(Target(f"drawn {first + len(found)}", state, area, drawn.light_curve))
    return found


def _apart(places: list[tuple[float, float]], apart_px: float, scene: Scene, rng: np.random.Generator) -> tuple[float, float]:
    """A place away from the others, as far as there is room."""
    ny, nx = scene.sensor.shape_px
    edge = scene.defects.covered_px + EDGE_PX
    left = min(max(scene.detector.overscan_columns, scene.defects.covered_px) + EDGE_PX, nx - 1)
    low = min(edge, (ny - 1) / 2)
    for _ in range(TRIES):
        x, y = float(rng.uniform(left, max(nx - 1 - edge, left))), float(rng.uniform(low, ny - 1 - low))
        if all(math.hypot(x - a, y - b) >= apart_px for a, b in places):
            break
    return x, y


def _motion(
    drawn: Drawn, place: tuple[float, float], scene: Scene, host: State, camera: np.ndarray, spin: np.ndarray,
    rng: np.random.Generator,
) -> tuple[State, float]:  # fmt: skip
    """State at the middle of the scene, and speed over the detector [px/frame] as far as it matters for brightness."""
    sensor = scene.sensor
    if drawn.motion == "belt":
        return _belt_state(drawn, sight(place, sensor, camera), host, rng), 0.0
    speed, turn = float(rng.uniform(*drawn.rate_px_frame)), float(rng.uniform(0, 2 * np.pi))
    rate = speed * sensor.ifov_arcsec / sensor.cadence_s
    against = spin if drawn.motion == "field" else np.zeros(3)
    velocity = rate * math.cos(turn), rate * math.sin(turn)
    return state_in_field(place, velocity, RANGE_KM, 0.0, sensor, host, camera, against), speed


def _belt_state(drawn: Drawn, line: np.ndarray, host: State, rng: np.random.Generator) -> State:
    """A circular geostationary orbit through a line of sight: where it meets the sphere of that radius farther on."""
    position = host[0]
    towards = float(position @ line)
    root2 = towards**2 + GEO_RADIUS_KM**2 - float(position @ position)
    range_km = max(-towards + math.sqrt(max(root2, 0.0)), 1000.0)
    place = position + range_km * line
    place *= GEO_RADIUS_KM / np.linalg.norm(place)
    latitude = math.asin(place[2] / GEO_RADIUS_KM)
    inclination = min(abs(latitude) + float(rng.exponential(math.radians(drawn.inclination_deg))), math.pi / 2)
    speed = math.sqrt(GM_EARTH / GEO_RADIUS_KM)
    east_share = min(math.cos(inclination) / math.cos(latitude), 1.0)
    north_share = math.sqrt(1.0 - east_share**2) * (1.0 if rng.random() < 0.5 else -1.0)
    east = np.cross([0.0, 0.0, 1.0], place)
    east /= np.linalg.norm(east)
    north = np.cross(place / GEO_RADIUS_KM, east)
    return place, speed * (east_share * east + north_share * north)


def _mag(frame_snr: float, rate_px_frame: float, sky_e: float, scene: Scene) -> float:
    """Magnitude that gives a matched-filter SNR in one frame on clear sky: noise pixels of a Gaussian core, and a trail."""
    sensor = scene.sensor
    width_px = core_px(scene.optics, sensor.psf_fwhm_px)
    variance = sky_e + scene.detector.dark_e_s * sensor.exposure_s + sensor.read_noise_e**2
    trail = rate_px_frame * sensor.exposure_s / sensor.cadence_s
    loss = _mean_square(trail / (2.0 * sampled_width(width_px)))
    flux = frame_snr * point_noise_e(width_px, variance) / math.sqrt(loss)
    if scene.optics.family == "gaussian":
        flux /= 1.0 - 0.5 * scene.optics.halo_fraction
    return sensor.zeropoint_mag - 2.5 * math.log10(flux / sensor.exposure_s)


def _mean_square(x: float) -> float:
    """Overlap of a Gaussian with itself averaged over a trail: the energy of a trail of 2 x sigmas over a point's."""
    if x < 1e-3:
        return 1.0
    return (math.sqrt(math.pi) * math.erf(x) * x + math.expm1(-x * x)) / (x * x)
