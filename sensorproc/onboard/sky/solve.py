"""Where the camera points: the header's pointing refined on catalogued stars, or found from the stars alone.

The table is aberrated with the Earth's barycentric velocity before matching, so that solved directions are GCRS
(``conventions``). Tracking starts from the header, or from the frame before; lost in space starts from nothing but the scale.
Whatever comes out must match more stars than chance would; else the frame says why it was not solved.
"""

import math
from dataclasses import replace

import numpy as np

from sensorproc.config import Solve
from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.geometry import Camera, aberrate, as_rows, compose, rotation
from sensorproc.onboard.products import Registered, Solved
from sensorproc.onboard.sky.earth_velocity import earth_velocity_km_s
from sensorproc.onboard.sky.lost_in_space import find_attitude
from sensorproc.onboard.sky.optics import FIRST_SCALE_SIGMA, LATER_SCALE_SIGMA, learnt
from sensorproc.onboard.sky.plate import MOST_CHANCE, Plate, fit_plate
from sensorproc.onboard.sky.pointing_search import VOTE_PX, votes
from sensorproc.onboard.sky.saturated_stars import sky_stars
from sensorproc.onboard.sky.zero_point import first_zero_point, known_zero
from sensorproc.onboard.stage import stage
from sensorproc.onboard.star_table import StarTable
from sensorproc.onboard.state import Optics

# Radii in which stars are matched, round by round, before the optics are known.
ROUGH_RADII_PX = (2.0 * VOTE_PX, VOTE_PX, VOTE_PX, VOTE_PX)
FINE_RADII_PX = (VOTE_PX, 2.5, 2.0, 2.0)  # The same once the optics are known.
# Parts of the half diagonal by which optics not yet learnt may shift a star, round by round.
LOST_FRACTIONS = (0.008, 0.006, 0.004)
MOST_VOTES = 6  # Pointings that are fitted, best supported first.
STEP_ROLL_DEG = 0.1  # The roll changes by no more between frames of a set.
LEARN_ROUNDS, LATER_ROUNDS = 3, 1  # Rounds of learning the optics and fitting again: in a first set, and once they are known.
MORE_STARS = 3  # Table stars for every star found: fainter ones only add chance matches.
MOST_TABLE = 10  # So many times as many of the table's stars around the field are looked at.
LEAST_SIGMA_PX = 0.02  # Error of what is not yet known of the optics.


@stage(bytes_px=1)
def solve(
    frames: list[Registered], table: StarTable | None, config: Solve, optics: Optics | None = None
) -> tuple[list[Solved], Optics | None]:
    """A sky solution for every frame, from stars where possible, else from the pointing of its header; and what the stars of the
    set have told of the optics."""
    seen = [_Field(frame, table, config) for frame in frames]
    plates: list[Plate | None] = [None] * len(frames)
    n_lost, before = 0, None
    for k, field in enumerate(seen):
        plates[k] = field.tracked(before, optics) or (field.lost(optics) if n_lost < config.max_lost_frames else None)
        n_lost += plates[k] is None
        before = found.camera if (found := plates[k]) else before
    for k in range(len(frames) - 2, -1, -1):  # what was seen later helps those before it
        later = plates[k + 1]
        plates[k] = plates[k] or (seen[k].tracked(later.camera, optics) if later else None)
    good = [plate for plate in plates if plate]
    for _ in range((LATER_ROUNDS if optics else LEARN_ROUNDS) if good else 0):
        taught = learnt(good, optics, frames[0].is_stare)
        plates = [field.again(plate, taught) if plate else None for field, plate in zip(seen, plates, strict=True)]
        good = [plate for plate in plates if plate]
        if not good:
            break
    else:
        optics = learnt(good, optics, frames[0].is_stare) if good else optics
    return [field.solved(plate) for field, plate in zip(seen, plates, strict=True)], optics


class _Field:
    """One frame and the stars it may show."""

    def __init__(self, frame: Registered, table: StarTable | None, config: Solve):
        self.frame, self.table, self.config = frame, table, config
        self.stars = sky_stars(frame)
        self.facts = frame.facts
        self.shape = self.facts.shape
        self.half_px = 0.5 * math.hypot(*self.shape)
        self.velocity = earth_velocity_km_s(self.facts.t_mid_tai_ns)
        self.reason = "" if table is not None else "NO_STAR_TABLE"

    def tracked(self, before: Camera | None, optics: Optics | None) -> Plate | None:
        """The solution from the pointing of another frame of the set, or the header's."""
        if self.table is None:
            return None
        if len(self.stars) < self.config.min_matched:
            self.reason = "FEW_STARS"
            return None
        priors = (
            (before, self.config.step_deg, STEP_ROLL_DEG),
            (self.facts.camera, self.config.prior_error_deg, self.config.prior_roll_deg),
        )
        plates = (self._tracked(prior, reach, roll, optics) for prior, reach, roll in priors if prior)
        return next((plate for plate in plates if plate), None)

    def again(self, plate: Plate, optics: Optics) -> Plate | None:
        """The same frame with better optics."""
        camera = optics.applied(plate.camera)
        return self._fit(camera, self._around(camera), FINE_RADII_PX, LATER_SCALE_SIGMA)

    def solved(self, plate: Plate | None) -> Solved:
        """The product, from stars or from the header alone."""
        if plate is None:
            zero = known_zero(self.facts)
            unsolved = self.facts.camera, False, 0, 0.0, self._prior_cov(), *zero, self.reason
            return Solved(*unsolved, registered=self.frame)
        zero = first_zero_point(self.frame, self.stars[plate.here], plate.mag)
        cov = plate.cov + LEAST_SIGMA_PX**2 * np.diag([1.0, 1.0, 0.0, 0.0])
        table_px = self._table_px(plate.camera)
        return Solved(plate.camera, True, len(plate.here), plate.rms_px, cov, *zero, table_px=table_px, registered=self.frame)

    def _prior_cov(self) -> np.ndarray:
        """Covariance of a header's pointing."""
        camera = self.facts.camera
        if camera is None:
            return np.zeros((4, 4))
        sigma_px = self.config.prior_sigma_arcsec / (camera.ifov_rad * ARCSEC_PER_RAD)
        return np.diag(np.array([sigma_px, sigma_px, math.radians(self.config.prior_roll_sigma_deg), 0.0]) ** 2)

    def _tracked(self, prior: Camera, reach_deg: float, roll_deg: float, optics: Optics | None) -> Plate | None:
        camera = optics.applied(prior) if optics else prior
        reach_px = math.radians(reach_deg) / camera.ifov_rad
        radii = FINE_RADII_PX if optics else ROUGH_RADII_PX + FINE_RADII_PX
        unit, _ = self._around(camera, reach_px)
        if len(unit) < self.config.min_matched:
            self.reason = "FEW_STARS"
            return None
        for voted in votes(camera, self.stars, unit, reach_px, math.radians(roll_deg), self.half_px)[:MOST_VOTES]:
            plate = self._fit(voted, self._around(voted), radii, self._scale_sigma(optics))
            if plate:
                return plate
        self.reason = "NO_MATCH"
        return None

    def lost(self, optics: Optics | None) -> Plate | None:
        """The solution from the stars and the camera's scale alone."""
        if not self.config.lost_in_space or self.table is None or len(self.stars) < self.config.min_matched:
            return None
        table, camera = self.table, self.facts.camera
        ifov_rad = optics.ifov_rad if optics else camera.ifov_rad if camera else self._known_ifov()
        if table.patterns is None or ifov_rad is None:
            self.reason = "NO_MATCH" if self.facts.camera else "NO_SCALE" if ifov_rad is None else "NO_PATTERNS"
            return None
        ny, nx = self.shape
        x0, y0 = ((nx - 1) / 2.0, (ny - 1) / 2.0) if camera is None else (camera.x0_px, camera.y0_px)
        blank = Camera(ifov_rad, x0, y0, 1, as_rows(np.eye(3)))
        for patterns in table.patterns(min(nx, ny) * ifov_rad):
            found = find_attitude(self.stars, optics.applied(blank) if optics else blank, (ny, nx), patterns)
            if found is None:
                continue
            plate = self._refined(self._as_seen(found), optics)
            if plate:
                return plate
        self.reason = self.reason or "NO_MATCH"
        return None

    def _refined(self, found: Camera, optics: Optics | None) -> Plate | None:
        """A camera found from a few stars, fitted to all while the optics are learnt from this frame alone."""
        radii = tuple(max(f * self.half_px, VOTE_PX) for f in LOST_FRACTIONS)
        rough = self._fit(found, self._around(found), radii, self._scale_sigma(optics), is_last=False)
        for _ in range(LEARN_ROUNDS):
            if rough is None:
                return None
            bent = learnt([rough], None, False).applied(rough.camera)
            rough = self._fit(bent, self._around(bent), ROUGH_RADII_PX, LATER_SCALE_SIGMA, is_last=False)
        return self._fit(rough.camera, self._around(rough.camera), FINE_RADII_PX, LATER_SCALE_SIGMA) if rough else None

    def _fit(
        self, camera: Camera, table: tuple[np.ndarray, np.ndarray], radii: tuple[float, ...], scale_sigma: float,
        is_last: bool = True,
    ) -> Plate | None:  # fmt: skip
        s, least = self.frame.psf_sigma_px, self.config.min_matched
        plate = fit_plate(camera, self.stars, table, self.shape, s, radii, scale_sigma, least)
        return plate if plate and (plate.chance < MOST_CHANCE or not is_last) else None

    def _as_seen(self, camera: Camera) -> Camera:
        """A camera found on places at rest, turned to where aberration shows them: over one field it is a turn."""
        axis = camera.dcm[:, 2]
        turn = rotation(np.cross(axis, aberrate(axis, self.velocity)))
        return camera.with_attitude(compose(turn, camera.dcm))

    def _around(self, camera: Camera, margin_px: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Directions as they are seen and magnitudes of the table's stars in a field, brightest first, not many more than were
        found."""
        table, _, _ = self._in_field(camera, margin_px)
        most = max(min(MORE_STARS * len(self.stars), self.config.max_table_stars), 4 * self.config.min_matched)
        return table.unit[:most], table.mag[:most]

    def _table_px(self, camera: Camera) -> np.ndarray:
        """x, y, magnitude and colour (m, 4) of the table's stars in the field."""
        table, x, y = self._in_field(camera, 0.0)
        colour = table.colour_mag if table.colour_mag is not None else np.full(len(x), np.nan)
        return np.stack([x, y, table.mag, colour], axis=1)[: self.config.max_table_stars]

    def _in_field(self, camera: Camera, margin_px: float) -> tuple[StarTable, np.ndarray, np.ndarray]:
        """The table's stars in a camera's field, their directions as they are seen, and x, y."""
        table = self.table
        assert table is not None
        if table.around is not None:
            radius = math.atan((self.half_px + margin_px) * camera.ifov_rad) * 1.02
            table = table.around(camera.dcm[:, 2], radius, self.facts.t_mid_tai_ns)
        table = table.chosen(slice(MOST_TABLE * (len(self.stars) + self.config.min_matched)))
        unit = aberrate(table.unit, self.velocity)
        x, y = camera.pixel(unit)
        ny, nx = self.shape
        inside = np.flatnonzero((x > -margin_px) & (x < nx + margin_px) & (y > -margin_px) & (y < ny + margin_px))
        return replace(table.chosen(inside), unit=unit[inside]), x[inside], y[inside]

    def _scale_sigma(self, optics: Optics | None) -> float:
        return LATER_SCALE_SIGMA if optics else FIRST_SCALE_SIGMA

    def _known_ifov(self) -> float | None:
        sensor = self.facts.sensor
        arcsec = sensor.ifov_arcsec
        return arcsec / ARCSEC_PER_RAD if arcsec else None
