"""Configuration: presets, all mistakes at once, digests."""

import math

import pytest

from sensorproc import config
from sensorproc.errors import ConfigError


@pytest.mark.parametrize("name", config.PRESETS)
def test_presets_load(name):
    assert config.load(name).sensor.name == name


def test_all_mistakes_at_once_with_path_and_nearest_key():
    with pytest.raises(ConfigError) as caught:
        config.parse({"search": {"bax_px_frame": 3, "box_px_frame": 99}, "sensr": {}, "flatten": {"mesh_px": "wide"}})
    text = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 4
    assert "$.search.bax_px_frame: unknown key; did you mean 'box_px_frame'" in text
    assert "$.search.box_px_frame = 99: Input should be less than or equal to 16" in text
    assert "$.sensr: unknown key; did you mean 'sensor'" in text
    assert "$.flatten.mesh_px = 'wide'" in text


def test_digest_sees_every_result_key_and_no_marking():
    plain = config.Config()
    assert config.parse({}).digest() == plain.digest()
    assert config.parse({"cosmic_rays": {"outlier_sigma": 5.5}}).digest() != plain.digest()
    assert config.parse({"release": {"marking": "U"}}).digest() == plain.digest()


@pytest.mark.parametrize("name", config.QUALITIES)
def test_a_quality_never_asks_for_more_than_the_payload(name):
    given = {"sensor": {"binning": 3}, "search": {"box_px_frame": 2.0, "max_smear_px": 9.0}, "register": {"max_stars": 100}}
    own = config.parse(given)
    less = config.with_quality(own, name)
    assert less.sensor.binning == 3
    assert (less.search.box_px_frame, less.search.max_smear_px, less.register.max_stars) == (2.0, 9.0, 100)
    assert config.with_quality(own, None) == own


def test_qualities_spend_less_from_one_to_the_next():
    full, lean, survival = (config.with_quality(config.load("geo_search_2k"), name) for name in config.QUALITIES)
    assert full == config.load("geo_search_2k")
    assert lean.search.box_px_frame < full.search.box_px_frame
    assert (survival.sensor.binning, survival.streaks.enabled) == (2, False)


def test_settings_of_a_file_go_before_the_payloads(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[search]\nbox_px_frame = 12.0\n", "utf-8")
    assert config.with_quality(config.Config(), path).search.box_px_frame == 12.0
    path.write_text("[search]\nbox_px = 12.0\n", "utf-8")
    with pytest.raises(ConfigError, match="box_px_frame"):
        config.with_quality(config.Config(), path)


def test_summed_pixels_leave_lengths_of_the_sky_what_they_are():
    given = config.parse({"sensor": {"binning": 2, "psf_fwhm_px": 2.4}, "search": {"box_px_frame": 6.0}})
    seen = given.as_read_out()
    assert seen.search.box_px_frame == 3.0
    assert seen.search.max_smear_px == 0.5 * given.search.max_smear_px
    assert seen.flatten.mesh_px == given.flatten.mesh_px // 2
    assert seen.streaks.min_length_px == given.streaks.min_length_px // 2
    assert 1.2 < seen.sensor.psf_fwhm_px < 2.4
    assert config.Config().as_read_out() == config.Config()


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        *(("sensor", key, v) for key in ("zeropoint_mag", "gain_e_per_dn", "bias_dn") for v in (math.nan, math.inf, -math.inf)),
        *(("search", key, v) for key in ("box_px_frame", "max_smear_px", "false_alarms_per_set") for v in (math.nan, math.inf)),
        ("search", "max_smear_px", 0.001), ("sensor", "shape_px", (9000, 64)), ("sensor", "shape_px", (64, 8192)),
        ("sensor", "zeropoint_mag", 1e30), ("sensor", "zeropoint_mag", -40.0),
    ],
)  # fmt: skip
def test_what_no_product_could_hold_is_refused_before_the_run(section, key, value):
    with pytest.raises(ConfigError, match=key):
        config.parse({section: {key: value}})


@pytest.mark.parametrize("text", ["a = " + "[" * 100000, "[sensor]\nn_detectors = " + "9" * 5000, "a = 1\n" * 2, "\0", "[a"])
def test_a_hostile_file_is_one_line(tmp_path, text):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"a\.toml") as caught:
        config.load(tmp_path / "a.toml")
    assert len(str(caught.value).splitlines()) == 1
