"""A place on the Earth as the observer: from a site's cards, or from a configuration, carried to GCRF at the time of exposure."""

import math
import re
from dataclasses import dataclass

from sensorproc.frames import ObserverState
from sensorproc.recording.header.cards import Card, Cards
from sensorproc.recording.header.found import Found, Said

LATITUDES = ("OBSGEO-B", "SITELAT", "OBS-LAT", "LAT-OBS", "OBSLAT", "TELLAT", "GEOLAT", "LATITUDE")
LONGITUDES = ("OBSGEO-L", "SITELONG", "SITELON", "OBS-LONG", "LONG-OBS", "OBSLONG", "TELLONG", "GEOLON", "LONGITUD")
HEIGHTS = ("OBSGEO-H", "SITEELEV", "SITEALT", "OBS-ELEV", "ALT-OBS", "OBSALT", "TELALT", "ELEVATIO")
GEOCENTRIC = ("OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z")  # m, ITRS
SEXAGESIMAL = re.compile(r"([+-]?)(\d{1,3})[: d]\s*(\d{1,2})[: m']\s*(\d{1,2}(?:\.\d*)?)[s\"]?\s*([NSEW]?)")
HIGHEST_M = 9000.0
SPHEROID_M = (6.35e6, 6.40e6)


@dataclass(frozen=True)
class Site:
    """Geodetic latitude and longitude (east positive) [deg] on WGS 84, and height [m]."""

    lat_deg: float
    lon_deg: float
    height_m: float = 0.0

    def state(self, tai_ns: int) -> ObserverState:
        """Place and velocity in GCRF; UT1 as the installed IERS tables have it, UTC beyond them (0.5 km at most)."""
        from sensorproc.offline import EarthLocation, tai_time, units  # astropy: only where there is a site

        location = EarthLocation.from_geodetic(self.lon_deg * units.deg, self.lat_deg * units.deg, self.height_m * units.m)
        place, velocity = location.get_gcrs_posvel(tai_time(tai_ns))
        p, v = place.xyz.to_value(units.km), velocity.xyz.to_value(units.km / units.s)
        return ObserverState(tuple(p.tolist()), tuple(v.tolist()))


def site(cards: Cards, said: Said) -> Found[Site] | None:
    """The site that cards tell. A height that is not told is the spheroid's, and longitudes are counted east; both are said."""
    metres = [cards.number(key) for key in GEOCENTRIC]
    if all(value is not None for value in metres):
        x, y, z = (float(value) for value in metres if value is not None)
        if SPHEROID_M[0] < math.sqrt(x * x + y * y + z * z) < SPHEROID_M[1]:
            from sensorproc.offline import EarthLocation, units

            place = EarthLocation.from_geocentric(x, y, z, unit=units.m)
            found = Site(float(place.lat.deg), float(place.lon.deg), float(place.height.to_value(units.m)))
            return Found(found, " ".join(GEOCENTRIC))
    latitude, longitude = _first(cards, LATITUDES, 90.0), _first(cards, LONGITUDES, 360.0)
    if latitude is None or longitude is None:
        return None
    (lat, lat_card), (lon, lon_card) = latitude, longitude
    height = next(((value, card.key) for card in cards.present(*HEIGHTS) if (value := card.number()) is not None), None)
    if height is not None and not -500.0 <= height[0] <= HIGHEST_M:
        said.doubt(f"the site's height ({height[1]} = {height[0]:g}) is none on the Earth: taken for 0 m")
        height = None
    elif height is None:
        said.doubt("the site's height is not told: taken for 0 m")
    if not lon_card.text.upper().endswith(("E", "W")) and lon_card.key != LONGITUDES[0]:
        said.doubt(f"the site's longitude ({lon_card.key}) is taken to be counted east")
    names = [lat_card.key, lon_card.key, *([height[1]] if height else [])]
    return Found(Site(lat, (lon + 180.0) % 360.0 - 180.0, height[0] if height else 0.0), " ".join(names))


def _first(cards: Cards, keys: tuple[str, ...], most: float) -> tuple[float, Card] | None:
    """The first card that tells an angle of no more than ``most`` degrees."""
    for card in cards.present(*keys):
        value = _degrees(card)
        if value is not None and abs(value) <= most:
            return value, card
    return None


def _degrees(card: Card) -> float | None:
    """Degrees of a number, or of degrees, minutes and seconds, with a letter for the side behind them."""
    text = card.text.upper()
    side = text[-1:] if text[-1:] in "NSEW" else ""
    match = SEXAGESIMAL.fullmatch(text.lower().replace("deg", "d")[: len(text) - len(side)].strip()) if text else None
    if match:
        value = float(match[2]) + float(match[3]) / 60.0 + float(match[4]) / 3600.0
        value = -value if match[1] == "-" else value
    else:
        number = Card(card.key, text[: len(text) - len(side)].strip() if side else card.value).number()
        if number is None:
            return None
        value = number
    return -abs(value) if side in ("S", "W") else value
