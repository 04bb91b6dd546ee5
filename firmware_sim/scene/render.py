"""One exposure after another: what the camera would read, and the truth about it."""

import math
from collections.abc import Iterator

import numpy as np

from firmware_sim.scene import clock
from firmware_sim.scene.background.stars import electrons_per_s, star_field
from firmware_sim.scene.background.stray_light import Diffuse
from firmware_sim.scene.camera.attitude import Attitude, ra_dec_roll_deg
from firmware_sim.scene.camera.chip import Chip
from firmware_sim.scene.camera.optics import Lens, seen
from firmware_sim.scene.camera.readout import read
from firmware_sim.scene.camera.transmission import Link
from firmware_sim.scene.exposure import Exposure, Seen
from firmware_sim.scene.objects.drawn import drawn_targets
from firmware_sim.scene.objects.illumination import brightness, lit_mag
from firmware_sim.scene.objects.targets import Target, given_targets, host_state, light_time_direction
from firmware_sim.scene.orbit import State, propagate
from firmware_sim.scene.settings.scene import Scene
from sensorproc.catalog.stars import StarCatalog
from sensorproc.conventions import ARCSEC_PER_RAD, SPEED_OF_LIGHT_KM_S

STEP_PX = 0.3  # of a trail between samples of the exposure
MIN_SAMPLES, MAX_SAMPLES = 9, 4000
SAMPLES_OF_A_GLINT = 6


class Renderer:
    """A scene, ready to be exposed frame by frame. Times within count from the middle of the scene."""

    def __init__(self, scene: Scene, catalog: StarCatalog):
        self.scene, self.sensor = scene, scene.sensor
        self.start = clock.utc(scene.start_utc)
        self.middle_s = 0.5 * ((scene.n_frames - 1) * self.sensor.cadence_s + self.sensor.exposure_s)
        middle = clock.after(self.start, self.middle_s)
        self.earth_velocity = clock.earth_velocity_km_s(middle)
        self.sun = clock.sun_from_earth_km(middle)
        sidereal = middle.sidereal_time("mean", "greenwich").to_value("rad")
        self.host_middle = host_state(scene.host, sidereal)
        self.attitude = Attitude(scene.pointing, self.host_middle, scene.n_frames, np.random.default_rng([scene.seed, 0]))
        self.diffuse = Diffuse(self.sensor, scene.sky, scene.stray_light)
        self.link = Link(scene.transmission, scene.n_frames, self.sensor.shape_px[0], scene.seed)
        self.chip = Chip(self.sensor, scene.detector, scene.n_frames, scene.seed, scene.defects)
        ny, nx = self.sensor.shape_px
        self.sky_e = float(self._diffuse_e(0.0)[ny // 2, nx // 2])  # diffuse light of an exposure in mid-field
        self.targets = self._targets(sidereal)
        boresights = np.array([self.attitude.ideal(t)[:, 2] for t in np.linspace(-self.middle_s, self.middle_s, 7)])
        self.stars = star_field(catalog, boresights, self.sensor, scene.sky, clock.tai_ns(middle), scene.seed)
        self.star_e = np.asarray(electrons_per_s(self.stars.seen_mag, self.sensor.zeropoint_mag)) * self.sensor.exposure_s
        spin_arcsec_s = float(np.linalg.norm(self.attitude.spin)) * ARCSEC_PER_RAD
        self.star_times = self._sampled(spin_arcsec_s * self.sensor.exposure_s / self.sensor.ifov_arcsec)
        dwell_s = self.sensor.exposure_s / len(self.star_times)
        self.lens = Lens(scene.optics, self.sensor, self.attitude.blur_rad(dwell_s))
        self.target_times = [self._sampled(self._trail_px(target), target) for target in self.targets]

    def _targets(self, sidereal: float) -> list[Target]:
        scene, attitude = self.scene, self.attitude
        given = given_targets(scene, self.host_middle, attitude.middle, attitude.spin, sidereal)
        return given + drawn_targets(scene, self.host_middle, attitude.middle, attitude.spin, self.sun, self.sky_e, len(given))

    def _trail_px(self, target: Target) -> float:
        """Length of a target's trail in the middle frame."""
        half = 0.5 * self.sensor.exposure_s
        ends = [self._place(target, t, self.scene.n_frames // 2, self.sensor.exposure_s) for t in (-half, half)]
        return float(np.hypot(*(ends[1] - ends[0])))

    def _sampled(self, trail_px: float, target: Target | None = None) -> np.ndarray:
        """Times after exposure start [s] between which a source with such a trail moves and changes little."""
        exposure_s = self.sensor.exposure_s
        n = math.ceil(trail_px / STEP_PX)
        if target is not None and target.light_curve.kind == "glint":
            n = max(n, math.ceil(SAMPLES_OF_A_GLINT * exposure_s / target.light_curve.glint_s))
        n = min(max(n, MIN_SAMPLES), MAX_SAMPLES)
        return (np.arange(n) + 0.5) / n * exposure_s

    def exposures(self) -> Iterator[Exposure]:
        """All frames that arrive, in order."""
        for index in range(self.scene.n_frames):
            if not self.link.is_dropped[index]:
                yield self.expose(index)

    def expose(self, index: int) -> Exposure:
        """Render one frame as it arrives; frames do not depend on one another."""
        shown = self.link.shown(index)
        t0, t0_shown = (k * self.sensor.cadence_s - self.middle_s for k in (index, shown))
        middle = t0_shown + 0.5 * self.sensor.exposure_s
        diffuse = self._diffuse_e(middle)
        light = diffuse.copy()
        paths = self._star_paths(t0_shown, shown)
        self.lens.add(
            light, paths, np.tile(self.star_e / len(paths), (len(paths), 1)), self.lens.widths_px(paths[len(paths) // 2])
        )
        stars, background = light - diffuse, self.chip.expected(light, shown)
        found = tuple(self._see(i, t0_shown, shown) for i in range(len(self.targets)))
        for item in found:
            self._add(light, item)
        data, n_hits = read(self.chip, self.scene.radiation, self.chip.expected(light, shown), shown, self.scene.seed)
        host = self.host(t0 + 0.5 * self.sensor.exposure_s)
        recorded = ra_dec_roll_deg(self.attitude.recorded(t0 + 0.5 * self.sensor.exposure_s))
        start = clock.after(self.start, index * self.sensor.cadence_s)
        data = self.link.deliver(data, index)
        return Exposure(index, data, start, background, stars, found, host, recorded, n_hits, self.link.faults(index))

    def host(self, t_s: float) -> State:
        """The host at a time from the middle of the scene."""
        return propagate(self.host_middle, t_s)

    def stamp(self, item: Seen) -> tuple[np.ndarray, slice, slice]:
        """Electrons of a target alone on the part of the frame it touches, and that part (rows, columns)."""
        ny, nx = self.sensor.shape_px
        reach = self.lens.reach_px()
        low = np.floor(item.path.min(axis=0)).astype(int) - reach
        high = np.ceil(item.path.max(axis=0)).astype(int) + reach
        columns = slice(min(max(low[0], 0), nx), min(max(high[0] + 1, 0), nx))
        rows = slice(min(max(low[1], 0), ny), min(max(high[1] + 1, 0), ny))
        patch = np.zeros((max(rows.stop - rows.start, 0), max(columns.stop - columns.start, 0)))
        if patch.size:
            self._add(patch, item, np.array([columns.start, rows.start]))
        return patch, rows, columns

    def _add(self, image: np.ndarray, item: Seen, origin: np.ndarray | float = 0.0) -> None:
        self.lens.add(image, item.path[1:-1, None] - origin, item.shares_e[:, None], np.array([item.width_px]))

    def _diffuse_e(self, t_s: float) -> np.ndarray:
        light = self.diffuse.light_e_s(self.attitude.ideal(t_s), self.host(t_s)[0], self.sun, t_s + self.middle_s)
        return light * self.sensor.exposure_s

    def _star_paths(self, t0: float, index: int) -> np.ndarray:
        """Pixels (k, n, 2) of the stars at the samples of an exposure that starts at a time."""
        dwell_s = self.sensor.exposure_s / len(self.star_times)
        paths = []
        for t in t0 + self.star_times:
            apparent = seen(self.stars.unit, self.earth_velocity + self.host(t)[1])
            paths.append(self.lens.project(apparent, self.attitude.camera(t, index, dwell_s)))
        return self._rolled(np.array(paths))

    def _rolled(self, paths: np.ndarray) -> np.ndarray:
        """Paths (k, n, 2) of a rolling shutter: a row lower down sees the same stretch of motion later."""
        detector = self.scene.detector
        if detector.kind != "cmos" or not detector.rolling_s or len(paths) < 2:
            return paths
        rate = (paths[-1] - paths[0]) / (self.sensor.exposure_s * (1.0 - 1.0 / len(paths)))
        late_s = detector.rolling_s * np.clip(paths[len(paths) // 2, :, 1] / self.sensor.shape_px[0], 0.0, 1.0)
        return paths + rate * late_s[:, None]

    def _see(self, number: int, t0: float, index: int) -> Seen:
        """A target's path and light over one exposure."""
        target, exposure_s = self.targets[number], self.sensor.exposure_s
        times = t0 + self.target_times[number]
        dwell_s = exposure_s / len(times)
        path = np.array([self._place(target, t, index, dwell_s) for t in (t0, *times, t0 + exposure_s)])
        path = self._rolled(path[:, None])[:, 0]
        middle = t0 + 0.5 * exposure_s
        host = self.host(middle)
        direction, _ = light_time_direction(target, middle, host[0])
        steady_mag = lit_mag(target.cross_section_m2, target.at(middle)[0], host[0], self.sun)
        curve = brightness(target.light_curve, times)
        shares = float(electrons_per_s(steady_mag, self.sensor.zeropoint_mag)) * exposure_s * curve / len(times)
        mag = steady_mag - 2.5 * math.log10(float(curve.mean()))
        width = float(self.lens.widths_px(path[len(path) // 2][None])[0])
        return Seen(target, path, shares, width, mag, direction, self._star_rate(target, middle))

    def _place(self, target: Target, t: float, index: int, dwell_s: float) -> np.ndarray:
        """Pixel (2,) of a target at a time."""
        return self.lens.project(self._apparent(target, t), self.attitude.camera(t, index, dwell_s))[0]

    def _star_rate(self, target: Target, t: float) -> float:
        """Speed of a target among the stars [px/frame]: over a camera that holds them."""
        half, camera = 0.5 * self.sensor.cadence_s, self.attitude.ideal(t)
        before, after = (self.lens.project(self._apparent(target, t + dt), camera)[0] for dt in (-half, half))
        return float(np.hypot(*(after - before)))

    def _apparent(self, target: Target, t: float) -> np.ndarray:
        """Apparent direction (1, 3) of a target at a time."""
        host = self.host(t)
        direction, delay = light_time_direction(target, t, host[0])
        range_km = delay * SPEED_OF_LIGHT_KM_S
        from_barycentre = direction - self.earth_velocity * delay / range_km  # the Earth moved while the light came
        return seen(from_barycentre[None], self.earth_velocity + host[1])
