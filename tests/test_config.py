"""Configuration: presets, all mistakes at once, digests."""

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
