"""Products of a run, as third parties read them."""

import json
import math
from typing import get_origin, get_type_hints

import ccsds_ndm
import numpy as np
import pytest
from astropy.coordinates import get_sun
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from astropy.wcs import WCS
from pydantic import ConfigDict, TypeAdapter
from unifieddatalibrary.types.observations.eo_observation_create_params import EoObservationCreateParams, EoobservationDetails

from sensorproc.cli import main
from sensorproc.errors import ReleaseError
from sensorproc.geometry import N_BEND, Camera, aberrate, as_rows, dcm_from_pointing, radec_from_unit
from sensorproc.ground import release
from sensorproc.ground.decode import write_products
from sensorproc.ground.export.wcs import header
from sensorproc.ground.release import Marking
from sensorproc.ground.sun import phase_angle_deg, sun_direction
from sensorproc.ground.table_reader import read_table
from sensorproc.onboard.records import camera_values
from sensorproc.onboard.sky.earth_velocity import earth_velocity_km_s
from sensorproc.timescales import tai_ns_from_utc

MARK = Marking("U", "TEST", "SENSOR-1", "TEAM")


def test_tables_are_valid_ecsv(runs):
    for name in ("detections", "tracklets", "frames", "housekeeping", "events"):
        table = Table.read(runs / "SIDEREAL" / f"{name}.ecsv", format="ascii.ecsv")
        ours = read_table(runs / "SIDEREAL" / f"{name}.ecsv")
        assert len(table) == len(ours)
        assert not ours or table.colnames == list(ours[0])
    table = Table.read(runs / "SIDEREAL" / "detections.ecsv", format="ascii.ecsv")
    assert str(table["x_px"].unit) == "pix"
    assert str(table["flux_e"].unit) == "electron"


def test_tdm_and_oem_parse_in_a_strict_reader(pointed_run):
    message = ccsds_ndm.Tdm.from_file(str(pointed_run / "products" / "tracklets.tdm"))
    assert len(message.segments) == 2
    text = (pointed_run / "products" / "tracklets.tdm").read_text()
    assert "COMMENT MARKING U DATA MODE TEST" in text
    assert "EPHEMERIS_NAME_1 = observer.oem" in text
    assert "nan" not in text.lower()
    assert max(map(len, text.splitlines())) <= 254
    assert ccsds_ndm.Oem.from_file(str(pointed_run / "products" / "observer.oem")).segments


class Strict(EoObservationCreateParams):
    __pydantic_config__ = ConfigDict(extra="forbid")


class StrictDetails(EoobservationDetails):
    __pydantic_config__ = ConfigDict(extra="forbid")


def with_sdk_names(record, kind):
    """The SDK names its fields in snake case and carries the JSON key as an alias."""
    names = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        while get_origin(hint) is not None and hasattr(hint, "__args__") and not hasattr(hint, "__metadata__"):
            hint = hint.__args__[0]
        aliases = [getattr(item, "alias", None) for item in getattr(hint, "__metadata__", ())]
        names[next((a for a in aliases if a), name)] = name
    return {names.get(key, key): value for key, value in record.items()}


def test_udl_records_pass_the_strict_schema(pointed_run):
    adapter = TypeAdapter(Strict)
    records = json.loads((pointed_run / "products" / "eoobservations.json").read_text())
    assert len(records) == 16
    for record in records:
        details = with_sdk_names(record["eoobservationDetails"], EoobservationDetails)
        TypeAdapter(StrictDetails).validate_python(details)
        adapter.validate_python(with_sdk_names(record, EoObservationCreateParams) | {"eoobservation_details": details})
        assert record["dataMode"] == "TEST"
        assert record["classificationMarking"] == "U"
        assert record["expDuration"] == pytest.approx(0.8)
        assert record["senx"] == 42164.0


def test_a_bent_field_keeps_its_places():
    """TAN-SIP of a camera with a distortion of 5 px at the corner, both ways, within 0.02 px; aberration is undone."""
    bends = 0.2 * np.cos(np.arange(N_BEND))
    bends[[8, 10, 13, 15]] += 10.0
    dcm = dcm_from_pointing(4.0, -0.6, 2.0)
    camera = Camera(2e-5, 511.5, 383.5, -1, as_rows(dcm), tuple(np.float32(bends).tolist()))
    record = camera_values(camera) | {"t_mid_tai_ns": tai_ns_from_utc("2026-05-01T00:00:00"), "nx": 1024, "ny": 768}
    wcs = WCS(header(record, "U", "TEST"))
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(0, 1023, 9), np.linspace(0, 767, 9)))
    at_rest = aberrate(camera.los_icrs(x, y), -earth_velocity_km_s(record["t_mid_tai_ns"]))
    ra, dec = np.degrees(radec_from_unit(at_rest))
    u, v = wcs.all_world2pix(ra, dec, 0)
    assert np.hypot(u - x, v - y).max() < 0.02
    p, q = wcs.sip_foc2pix(wcs.sip_pix2foc(np.stack([x, y], axis=1), 0), 0).T
    assert np.hypot(p - x, q - y).max() < 0.05


def test_the_sun_is_where_astropy_has_it():
    """Within 0.02 deg; an object with the Sun behind the observer has no phase angle, one before the Sun 180 deg."""
    for year in (2024.1, 2026.4, 2029.9):
        utc = Time(year, format="jyear", scale="utc")
        tai_ns = tai_ns_from_utc(utc.isot)
        sun = get_sun(utc).cartesian.xyz.value
        ours = sun_direction(tai_ns)
        assert np.degrees(np.arccos(np.clip(ours @ sun / np.linalg.norm(sun), -1, 1))) < 0.02
        ra, dec = np.degrees(radec_from_unit(ours))
        assert phase_angle_deg(float(ra), float(dec), tai_ns) == pytest.approx(180.0, abs=1e-4)
        assert phase_angle_deg(float(ra) + 180.0, -float(dec), tai_ns) == pytest.approx(0.0, abs=1e-4)


def test_the_limiting_magnitude_is_that_of_five_sigmas(pointed_run):
    """A star of that magnitude has five times the noise of the PSF's equivalent area."""
    row = read_table(pointed_run / "frames.ecsv")[0]
    flux = 10.0 ** (-0.4 * (row["limiting_mag"] - row["zeropoint_mag"])) * row["exposure_s"]
    s = row["psf_fwhm_px"] / 2.3548
    assert math.hypot(row["trail_x_px"], row["trail_y_px"]) < 0.3
    assert flux / (row["noise_e"] * math.sqrt(4.0 * math.pi) * s) == pytest.approx(5.0, rel=0.01)


def test_wcs_and_table_differ_by_the_aberration_of_the_day(pointed_run):
    row = read_table(pointed_run / "detections.ecsv")[0]
    header = fits.Header.fromstring((pointed_run / "products" / "wcs" / f"{row['frame']:04d}.wcs").read_bytes().decode())
    ra, dec = WCS(header).all_pix2world(row["x_px"], row["y_px"], 0)
    east = (row["ra_deg"] - float(ra)) * math.cos(math.radians(row["dec_deg"])) * 3600
    north = (row["dec_deg"] - float(dec)) * 3600
    assert 2.0 < math.hypot(east, north) < 20.6
    assert header["ABERR"] == "CATALOG"


def test_regions_are_one_based(pointed_run):
    rows = [r for r in read_table(pointed_run / "detections.ecsv") if r["frame"] == 0]
    text = (pointed_run / "products" / "ds9" / "0000.reg").read_text().splitlines()
    assert text[1:3] == ["# marking U, data mode TEST", "image"]
    x = float(text[3].split("(")[1].split(",")[0])
    middle = x if text[3].startswith("circle") else 0.5 * (x + float(text[3].split(",")[2]))
    assert middle == pytest.approx(rows[0]["x_px"] + 1, abs=0.01)


def test_decode_alone_gives_the_same_tables(runs, tmp_path):
    run = runs / "SIDEREAL"
    assert main(["decode", str(run / "downlink.bin"), "-o", str(tmp_path)]) == 0
    for name in ("detections", "tracklets", "frames", "housekeeping", "events"):
        assert (tmp_path / f"{name}.ecsv").read_bytes() == (run / f"{name}.ecsv").read_bytes()


def test_without_a_marking_there_are_tables_and_no_message(runs, tmp_path, capsys):
    data = (runs / "SIDEREAL" / "downlink.bin").read_bytes()
    decoded = write_products(data, tmp_path, None)
    assert decoded.notes == ("no TDM, OEM or UDL written: give --marking and --data-mode",)
    assert not list(tmp_path.rglob("*.tdm"))
    assert main(["decode", str(runs / "SIDEREAL" / "downlink.bin"), "-o", str(tmp_path), "--format", "tdm"]) == 5
    assert "need --marking and --data-mode" in capsys.readouterr().err


@pytest.mark.parametrize(("marking", "mode"), [("U", None), (None, "TEST"), ("secret squirrel", "TEST"), ("", "TEST")])
def test_half_a_marking_is_refused(marking, mode):
    with pytest.raises(ReleaseError):
        release.check(marking, mode, "S", "O")


def test_marking_is_in_every_product(pointed_run):
    housekeeping = read_table(pointed_run / "housekeeping.ecsv")
    assert {(row["marking"], row["data_mode"]) for row in housekeeping} == {("U", "TEST")}
    assert "CLASSIFICATION = U" in (pointed_run / "products" / "observer.oem").read_text()


def test_sky_sigmas_are_those_of_the_pointing_prior(pointed_run):
    rows = read_table(pointed_run / "detections.ecsv")
    sigma = np.array([[r["sigma_ra_arcsec"], r["sigma_dec_arcsec"]] for r in rows])
    assert (sigma >= 60).all()
    assert all("POINTING_PRIOR" in r["flags"] for r in rows)
