"""A run's folder is the whole old run or the whole new one at any moment; what a person put there stays."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorproc.errors import InputError, UsageError
from sensorproc.run_folder import manifest, publish
from sensorproc.run_folder.building import adding, building

NAMES = st.sampled_from(["a.ecsv", "b.bin", "products/x.tdm", "products/ds9/0.reg", "stages/s.fits", "recording/run.json"])
OTHERS = st.sampled_from(["notes.txt", "own/deep/file", ".hidden", "stars.ecsv"])


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def made(out: Path, files: dict[str, str], **options) -> None:
    with building(out, {"argv": ["test"]}, **options) as run:
        write(run.folder, {name: "{}" if name.endswith(".json") else text for name, text in files.items()})


def files_of(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file() and p.name != "run.json"}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, st.text("xyz"), max_size=5), st.dictionaries(NAMES, st.text("xyz"), max_size=5),
       st.dictionaries(OTHERS, st.just("mine"), max_size=4), st.sampled_from(["exchange", "renames", "inside"]))  # fmt: skip
def test_a_folder_holds_the_new_run_and_what_is_no_runs(tmp_path_factory, old, new, mine, way):
    home = tmp_path_factory.mktemp("home")
    out = home / "out"
    patch = pytest.MonkeyPatch()
    if way == "renames":
        patch.setattr(publish, "_exchange", lambda one, other: False)
    if way == "inside":
        patch.setattr(os.path, "ismount", lambda path: Path(path) == out)
    made(out, old)
    write(out, mine)
    made(out, new)
    patch.undo()
    wanted = {name: text for name, text in new.items() if not name.endswith(".json")} | mine
    assert files_of(out) == wanted
    assert manifest.demand_whole(out)["state"] == "finished"
    assert set(manifest.read(out)["products"]) == set(new)
    assert [path.name for path in home.iterdir()] == ["out"]


@pytest.mark.parametrize("way", ["exchange", "inside"])
def test_an_error_leaves_the_old_run_alone(tmp_path, monkeypatch, way):
    out = tmp_path / "out"
    if way == "inside":
        monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == out)
    made(out, {"a.ecsv": "old"})
    before = (out / "run.json").read_text()
    for error in (ValueError("x"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")):
        with pytest.raises(InputError if isinstance(error, OSError) else type(error)), building(out, {}) as run:  # noqa: PT012
            (run.folder / "a.ecsv").write_text("new")
            raise error
        assert files_of(out) == {"a.ecsv": "old"}
        assert (out / "run.json").read_text() == before
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_only_one_process_writes_to_a_folder(tmp_path):
    out = tmp_path / "out"
    with building(out, {}):
        for one in (building(out, {}), adding(out), adding(out, shared=True)):
            with pytest.raises(UsageError, match="another process"), one:
                pass
    with adding(out, shared=True), adding(out, shared=True):  # two shards
        for one in (building(out, {}), adding(out)):
            with pytest.raises(UsageError, match="another process"), one:
                pass
    made(out, {"a.ecsv": ""})
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


@pytest.mark.parametrize("name", ["detections.ecsv", "products/x.tdm", "run.json", "report.html", "frames/night.fits"])
def test_what_no_run_wrote_is_not_replaced(tmp_path, name):
    write(tmp_path / "out", {name: "{}"})
    with pytest.raises(UsageError, match="move it away"):
        made(tmp_path / "out", {"a": ""})
    assert (tmp_path / "out" / name).read_text() == "{}"


def test_what_a_person_changed_is_not_replaced(tmp_path):
    out = tmp_path / "out"
    made(out, {"a.ecsv": "old"})
    (out / "a.ecsv").write_text("corrected by hand")
    with pytest.raises(UsageError, match=r"a\.ecsv"):
        made(out, {"a.ecsv": "new"})
    (out / "a.ecsv").unlink()
    made(out, {"a.ecsv": "new"})
    assert files_of(out) == {"a.ecsv": "new"}


def test_a_linked_folder_is_not_followed(tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    made(out, {"products/x.tdm": "old"})
    (out / "products").rename(elsewhere)
    (out / "products").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="products"):
        made(out, {"products/x.tdm": "new"})
    assert (elsewhere / "x.tdm").read_text() == "old"


def test_an_input_is_not_replaced_by_what_is_made_from_it(tmp_path):
    out = tmp_path / "out"
    made(out, {"downlink.bin": "old", "recording/run.json": "", "a.ecsv": ""})
    write(out, {"mine/stars.csv": ""})
    for path in (out / "downlink.bin", out / "recording", out):
        with pytest.raises(UsageError, match="is read by this run"):
            made(out, {"a.ecsv": ""}, inputs=(path,))
    made(out, {"a.ecsv": "new"}, inputs=(out / "mine/stars.csv", None, tmp_path))
    assert files_of(out) == {"a.ecsv": "new", "mine/stars.csv": ""}


@pytest.mark.parametrize("change", ["cut", "flip", "gone", "running", "older", "none", "nested"])
def test_readers_refuse_what_is_not_whole(tmp_path, change):
    out = tmp_path / "out"
    made(out, {"a.ecsv": "some text", "b.bin": "more"})
    path, facts = out / "a.ecsv", json.loads((out / "run.json").read_text())
    if change == "cut":
        path.write_text("some")
    elif change == "flip":
        path.write_text("sOme text")
    elif change == "gone":
        path.unlink()
    elif change == "none":
        (out / "run.json").unlink()
    elif change == "nested":
        (out / "run.json").write_text("[" * 100_000)
    else:
        facts = facts | {"state": "running"} if change == "running" else {k: v for k, v in facts.items() if k != "state"}
        (out / "run.json").write_text(json.dumps(facts))
    with pytest.raises(InputError):
        manifest.demand_whole(out)


WRITER = """
import sys, time
from pathlib import Path
from sensorproc.run_folder.building import building
if len(sys.argv) > 2:
    from sensorproc.run_folder import publish
    import os
    if sys.argv[2] == "renames":
        publish._exchange = lambda one, other: False
    else:
        os.path.ismount = lambda path: str(path) == sys.argv[1]
print("ready", flush=True)
k = 0
while True:
    k += 1
    with building(Path(sys.argv[1]), {"k": k}) as run:
        for n in range(30):
            (run.folder / f"{n:02d}.txt").write_text(str(k))
"""


@pytest.mark.parametrize("way", ["exchange", "renames", "inside"])
def test_killed_at_any_moment(tmp_path, way, rng):
    """Where folders change names in one step there is a whole run at every moment; elsewhere readers refuse a half one, and the
    next writer mends it."""
    out = tmp_path / "out"
    with building(out, {"k": 0}) as run:
        for n in range(30):
            (run.folder / f"{n:02d}.txt").write_text("0")
    write(out, {"mine.txt": "mine"})
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(out), *([] if way == "exchange" else [way])], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(float(rng.uniform(0.0, 0.15)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        try:
            facts = manifest.demand_whole(out)
        except InputError:
            assert way != "exchange"
            continue
        assert {(out / f"{n:02d}.txt").read_text() for n in range(30)} == {str(facts["k"])}
        assert (out / "mine.txt").read_text() == "mine"
    made(out, {"last.txt": "last"})
    assert files_of(out) == {"last.txt": "last", "mine.txt": "mine"}
