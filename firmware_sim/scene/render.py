"""One exposure after another: what the camera would read, and the truth about it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from firmware_sim.scene import clock
from firmware_sim.scene.attitude import Attitude, ideal_camera, project, ra_dec_roll_deg, seen
from firmware_sim.scene.detector import Chip
from firmware_sim.scene.kernels.deposit import deposit
from firmware_sim.scene.orbit import SIDEREAL_RATE, State, propagate
from firmware_sim.scene.settings import Scene
from firmware_sim.scene.sky import diffuse_e_s, electrons_per_s, star_field
from firmware_sim.scene.targets import Target, host_state, light_time_direction, lit_mag, targets
from sensorproc.catalog import StarCatalog
from sensorproc.conventions import ARCSEC_PER_RAD, FWHM_PER_SIGMA, SPEED_OF_LIGHT_KM_S

STEP_PX = 0.3  # of a trail between samples of the exposure
MIN_SAMPLES, MAX_SAMPLES = 9, 4000
HALO_EVERY = 4  # the wide halo needs fewer samples


@dataclass(frozen=True, eq=False)
class Seen:
    """A target in one frame: its path (k, 2) over the exposure [px], magnitude, electrons, and geometric direction."""

    target: Target
    path: np.ndarray
    mag: float
    electrons: float
    direction: np.ndarray


@dataclass(frozen=True, eq=False)
class Exposure:
    """One rendered frame and everything true of it."""

    index: int
    data_dn: np.ndarray
    t_start: object
    expected_e: np.ndarray  # without targets
    seen: tuple[Seen, ...]
    host: State
    recorded_pointing_deg: tuple[float, float, float]
    n_hits: int


class Renderer:
    """A scene, ready to be exposed frame by frame."""

    def __init__(self, scene: Scene, catalog: StarCatalog):
        self.scene, self.sensor = scene, scene.sensor
        self.start = clock.utc(scene.start_utc)
        self.middle_s = 0.5 * ((scene.n_frames - 1) * self.sensor.cadence_s + self.sensor.exposure_s)
        middle = clock.after(self.start, self.middle_s)
        self.earth_velocity = clock.earth_velocity_km_s(middle)
        self.sun = clock.sun_from_earth_km(middle)
        sidereal = middle.sidereal_time("mean", "greenwich").to_value("rad")
        self.host_middle = host_state(scene.host, sidereal)
        self.attitude = Attitude(scene.pointing, scene.n_frames, np.random.default_rng([scene.seed, 0]))
        camera = ideal_camera(self.host_middle, scene.pointing)
        self.targets = targets(scene, self.host_middle, camera, sidereal)
        self.chip = Chip(self.sensor, scene.detector, scene.radiation, scene.seed)
        self.diffuse_e = diffuse_e_s(self.sensor, scene.sky) * self.sensor.exposure_s
        ends = np.linspace(0.0, 2 * self.middle_s, 7)
        boresights = np.array([ideal_camera(self.host(t), scene.pointing)[:, 2] for t in ends])
        self.stars = star_field(catalog, boresights, self.sensor, scene.sky, clock.tai_ns(middle), scene.seed)
        self.star_e = np.asarray(electrons_per_s(self.stars.mag, self.sensor.zeropoint_mag)) * self.sensor.exposure_s
        ifov_rad = self.sensor.ifov_arcsec / ARCSEC_PER_RAD
        core = math.hypot(self.sensor.psf_fwhm_px / FWHM_PER_SIGMA, self.attitude.blur_rad / ifov_rad)
        self.sigmas = (core, core * scene.optics.halo_ratio)
        self.star_times = self._sampled(SIDEREAL_RATE * ARCSEC_PER_RAD * self.sensor.exposure_s / self.sensor.ifov_arcsec)
        self.target_times = [self._sampled(self._trail_px(target)) for target in self.targets]

    def _trail_px(self, target: Target) -> float:
        """Length of a target's trail in the middle frame."""
        index = self.scene.n_frames // 2
        t0 = index * self.sensor.cadence_s
        ends = [self._place(target, t, index, self.sensor.exposure_s) for t in (t0, t0 + self.sensor.exposure_s)]
        return float(np.hypot(*(ends[1] - ends[0])))

    def _sampled(self, trail_px: float) -> np.ndarray:
        """Times after exposure start [s] between which a source with such a trail moves little."""
        n = min(max(math.ceil(trail_px / STEP_PX), MIN_SAMPLES), MAX_SAMPLES)
        return (np.arange(n) + 0.5) / n * self.sensor.exposure_s

    def host(self, t_s: float) -> State:
        """The host at a time after the start of the scene."""
        return propagate(self.host_middle, t_s - self.middle_s)

    def exposures(self) -> Iterator[Exposure]:
        """All frames in order."""
        for index in range(self.scene.n_frames):
            yield self.expose(index)

    def expose(self, index: int) -> Exposure:
        """Render one frame; frames do not depend on one another."""
        t0 = index * self.sensor.cadence_s
        light = self.diffuse_e.copy()
        self._add(light, self._star_paths(t0 + self.star_times, index), self.star_e)
        background = self.chip.expected(light)
        found = tuple(self._see(i, t0, index) for i in range(len(self.targets)))
        for item in found:
            self._add(light, item.path[1:-1, None], np.array([item.electrons]))
        data, n_hits = self.chip.read(self.chip.expected(light), index)
        host = self.host(t0 + 0.5 * self.sensor.exposure_s)
        recorded = ra_dec_roll_deg(self.attitude.recorded(host))
        return Exposure(index, data, clock.after(self.start, t0), background, found, host, recorded, n_hits)

    def stamp(self, item: Seen) -> tuple[np.ndarray, slice, slice]:
        """Electrons of a target alone on the part of the frame it touches, and that part (rows, columns)."""
        ny, nx = self.sensor.shape_px
        reach = math.ceil(5 * self.sigmas[1]) + 2
        low = np.floor(item.path.min(axis=0)).astype(int) - reach
        high = np.ceil(item.path.max(axis=0)).astype(int) + reach
        columns = slice(min(max(low[0], 0), nx), min(max(high[0] + 1, 0), nx))
        rows = slice(min(max(low[1], 0), ny), min(max(high[1] + 1, 0), ny))
        patch = np.zeros((max(rows.stop - rows.start, 0), max(columns.stop - columns.start, 0)))
        if patch.size:
            self._add(patch, item.path[1:-1, None] - np.array([columns.start, rows.start]), np.array([item.electrons]))
        return patch, rows, columns

    def _star_paths(self, times: np.ndarray, index: int) -> np.ndarray:
        """Pixels (k, n, 2) of the stars at sampled times."""
        paths, dwell_s = [], self.sensor.exposure_s / len(times)
        for t in times:
            host = self.host(t)
            apparent = seen(self.stars.unit, self.earth_velocity + host[1])
            paths.append(self._project(apparent, host, t, index, dwell_s))
        return np.array(paths)

    def _project(self, apparent: np.ndarray, host: State, t: float, index: int, dwell_s: float) -> np.ndarray:
        return project(
            apparent,
            self.attitude.camera(host, t, index, dwell_s),
            self.sensor.ifov_arcsec / ARCSEC_PER_RAD,
            self.sensor.shape_px,
        )

    def _see(self, number: int, t0: float, index: int) -> Seen:
        """A target's path: exposure start, every sample, exposure end."""
        target, exposure_s = self.targets[number], self.sensor.exposure_s
        dwell_s = exposure_s / len(self.target_times[number])
        times = (t0, *(t0 + self.target_times[number]), t0 + exposure_s)
        path = [self._place(target, t, index, dwell_s) for t in times]
        middle = t0 + 0.5 * self.sensor.exposure_s
        host = self.host(middle)
        direction, _ = light_time_direction(target, middle - self.middle_s, host[0])
        mag = lit_mag(target, target.at(middle - self.middle_s)[0], host[0], self.sun)
        electrons = float(electrons_per_s(mag, self.sensor.zeropoint_mag)) * self.sensor.exposure_s
        return Seen(target, np.array(path), mag, electrons, direction)

    def _place(self, target: Target, t: float, index: int, dwell_s: float) -> np.ndarray:
        """Pixel (2,) of a target at a time after the start of the scene."""
        host = self.host(t)
        direction, delay = light_time_direction(target, t - self.middle_s, host[0])
        range_km = delay * SPEED_OF_LIGHT_KM_S
        from_barycentre = direction - self.earth_velocity * delay / range_km  # the Earth moved while the light came
        apparent = seen(from_barycentre[None], self.earth_velocity + host[1])
        return self._project(apparent, host, t, index, dwell_s)[0]

    def _add(self, image: np.ndarray, paths: np.ndarray, electrons: np.ndarray) -> None:
        """Add sources trailed along paths (k, n, 2) of equal dwell times."""
        halo = self.scene.optics.halo_fraction
        for share, sigma, every in ((1 - halo, self.sigmas[0], 1), (halo, self.sigmas[1], HALO_EVERY)):
            part = np.ascontiguousarray(paths[every // 2 :: every])
            flux = np.tile(electrons * share / len(part), len(part))
            deposit(image, part.reshape(-1, 2), flux, sigma)
