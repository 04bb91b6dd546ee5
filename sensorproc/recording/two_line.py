"""A satellite's two-line elements as the observer: SGP4 (Vallado et al. 2006, package ``sgp4``), carried from TEME to GCRF."""

from dataclasses import dataclass

from sensorproc.frames import ObserverState

MOST_DAYS = 30.0  # from their epoch; what SGP4 says later is off by tens to hundreds of kilometres


@dataclass(frozen=True)
class TwoLine:
    """Two lines that are elements (:func:`sensorproc.conventions.demand_two_lines`)."""

    lines: tuple[str, str]

    def state(self, tai_ns: int) -> ObserverState | None:
        """Place and velocity in GCRF; None further than ``MOST_DAYS`` from the elements' epoch, or where SGP4 says it decayed."""
        from sgp4.api import Satrec

        from sensorproc.offline import gcrs_from_teme, tai_time

        satellite, time = Satrec.twoline2rv(*self.lines), tai_time(tai_ns).utc
        day, fraction = float(time.jd1), float(time.jd2)
        if abs((day - satellite.jdsatepoch) + (fraction - satellite.jdsatepochF)) > MOST_DAYS:
            return None
        error, place, velocity = satellite.sgp4(day, fraction)
        if error:
            return None
        p, v = gcrs_from_teme(place, velocity, tai_ns)
        return ObserverState(tuple(p.tolist()), tuple(v.tolist()))
