"""The README's example does what the README says it prints."""

import re
import shlex
from pathlib import Path

from sensorproc.cli import main

ROOT = Path(__file__).resolve().parent.parent


def test_example_prints_what_is_shown(tmp_path, capsys, monkeypatch):
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"```console\n\$ (sensorproc process [^\n]+)\n(.*?)```", text, re.DOTALL)
    command, shown = block[1], block[2]
    monkeypatch.chdir(ROOT)
    words = shlex.split(command)[1:]
    words[words.index("-o") + 1] = str(tmp_path)
    assert main(words) == 0
    printed = capsys.readouterr().out.replace(str(tmp_path), "out/sample")
    assert printed.strip() == shown.strip()


def test_commands_named_in_the_readme_exist():
    text = (ROOT / "README.md").read_text("utf-8")
    named = set(re.findall(r"^\$ sensorproc (\w+)", text, re.MULTILINE))
    assert named <= {"process", "decode", "inspect", "score", "warm", "doctor", "config"}


def test_the_sample_is_what_its_recipe_makes(tmp_path):
    from benchmarks.cases import SAMPLE, write

    write(SAMPLE, tmp_path)
    for path in sorted((ROOT / "docs" / "sample").iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
