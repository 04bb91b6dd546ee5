"""What the product does with inputs that are damaged, cut, mixed up or made in spite: no traceback, no hang, nothing unsaid.

Usage: python -m benchmarks.hostile_inputs [--n 100000] [--seed 1]

Every surface gets its share of ``n`` mutations of small good inputs, in one process: packet streams, recordings (FITS, SER, PNG,
TIFF), settings, truths, tables of stars and of bad pixels, and telecommands. Counted are exceptions that are no error of the
user's, inputs that take more than 5 s of processor time, decoded rows that the clean stream does not have, gap reports that are
wrong and are said to be exact.
"""

import argparse
import json
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from firmware_sim.commanding.executor import CommandExecutor
from firmware_sim.commanding.parameters import ParameterSet
from firmware_sim.commanding.state import OperatingState
from firmware_sim.scan.table import ScanEntry, pack
from sensorproc.cli import main
from sensorproc.config import Config, load
from sensorproc.downlink.packets import apid_of, build
from sensorproc.downlink.records import RECORDS
from sensorproc.downlink.telecommands import ARGUMENTS, Code, Mode, Operation, Telecommand
from sensorproc.errors import SensorprocError
from sensorproc.ground import observations
from sensorproc.ground.gate import gated
from sensorproc.ground.reader import read
from sensorproc.ground.scan import Scanner
from sensorproc.recording import open_recording, sidecar
from sensorproc.recording.ser import write as write_ser
from sensorproc.scoring.truth import load_truth

SAMPLE = Path(__file__).resolve().parents[1] / "docs" / "sample"
LONGEST_S = 5.0
NOW_TAI_NS = 2_000_000_000_000_000_000
TABLES = ("detections", "tracklets", "frames", "events")
Surface = Callable[[np.random.Generator], str]  # returns what was wrong, nothing if all was right


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Bits turned, bytes cut out, put in, doubled, or set to an extreme."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        n = max(len(changed), 1)
        place, size = int(rng.integers(n)), int(rng.integers(1, 40))
        match int(rng.integers(6)):
            case 0 if changed:
                changed[place] ^= 1 << int(rng.integers(8))
            case 1:
                del changed[place : place + size]
            case 2:
                changed[place:place] = rng.bytes(size)
            case 3:
                changed[place:place] = changed[place : place + size]
            case 4:
                changed[place : place + size] = rng.choice([b"\xff", b"\0", b"9", b"-", b'"', b"["]) * size
            case _:
                del changed[place:]
    return bytes(changed)


class Packets:
    """A good downlink, what it says, and streams made of it."""

    def __init__(self, data: bytes):
        self.parts = list(Scanner().packets([data]))
        self.rows = self._rows(data)
        self.counts = {apid: n for apid, n in read(data).gaps.expected.items()}

    def _rows(self, data: bytes) -> dict[str, set[str]]:
        downlink, _ = gated(read(data))
        return {name: {repr(sorted(row.items())) for row in getattr(observations, name)(downlink)} for name in TABLES}

    def damaged(self, rng: np.random.Generator) -> str:
        """Packets lost, doubled, in another order, damaged, with noise between: only rows of the clean stream, exact gaps."""
        kept = [k for k in range(len(self.parts)) if rng.random() > 0.1]
        if rng.random() < 0.3:
            kept = [kept[k] for k in rng.permutation(len(kept))]
        harmed = {k for k in kept if rng.random() < 0.1}
        pieces = [mutated(self.parts[k], rng) if k in harmed else self.parts[k] for k in kept]
        pieces += [self.parts[k] for k in kept if rng.random() < 0.05 and k not in harmed]
        noisy = [piece + (rng.bytes(int(rng.integers(50))) if rng.random() < 0.1 else b"") for piece in pieces]
        data = b"".join(noisy)
        gaps = read(data).gaps
        whole = {k for k in kept if self.parts[k] in data}  # damage may spare a packet's own bytes
        missing = Counter(apid_of(self.parts[k]) for k in range(len(self.parts)) if k not in whole)
        said = {apid: sum(len(r) for r in ranges) for apid, ranges in gaps.missing.items()}
        if gaps.is_exact and any(said[apid] != missing.get(apid, 0) for apid in said):
            return "a gap report that is wrong and said to be exact"
        found = self._rows(data)
        for name in ("detections", "tracklets", "events"):  # a frame's row also tells of its neighbours and its event
            if found[name] - self.rows[name]:
                return f"rows of {name} that the clean stream does not have"
        return ""

    def extreme(self, rng: np.random.Generator) -> str:
        """One field of one packet at an extreme, under a right CRC: nothing raises."""
        k = int(rng.integers(len(self.parts)))
        raw = self.parts[k]
        kind = RECORDS[apid_of(raw)]  # type: ignore[index]
        rows = np.frombuffer(raw[16:-2], kind.dtype).copy()
        field = rows.dtype.names[int(rng.integers(len(rows.dtype.names)))]
        octet = bytes([int(rng.choice([0xFF, 0x00, 0x7F, 0x80]))])
        rows[field][0] = np.frombuffer(octet * rows.dtype[field].itemsize, rows.dtype[field])[0]
        forged = build(kind, int.from_bytes(raw[2:4], "big"), NOW_TAI_NS, [row.tobytes() for row in rows])
        self._rows(b"".join([*self.parts[:k], forged, *self.parts[k + 1 :]]))
        return ""


class Files:
    """Small good files of every kind, and readers of damaged ones."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.fits = (SAMPLE / "frame_0000.fits").read_bytes()
        frames = np.random.default_rng(1).normal(500, 9, (2, 32, 40)).astype(np.uint16)
        write_ser(folder / "a.ser", frames, [0, 10**7])
        self.ser = (folder / "a.ser").read_bytes()
        self.images = {ext: cv2.imencode(f".{ext}", frames[0])[1].tobytes() for ext in ("png", "tiff")}
        self.truth = (SAMPLE / "truth.json").read_bytes()
        self.toml = b"[sensor]\nexposure_s = 0.5\nshape_px = [64, 64]\n[search]\nfalse_alarms_per_set = 0.1\n"
        self.stars = b"ra_deg,dec_deg,mag\n10.0,20.0,9.5\n11.0,-20.0,8.25\n359.9,89.0,3.0\n"
        self.bad = b"x,y,dark_e_per_s,kind\n3,4,5.5,hot\n5,6,0.0,dead\n"

    def _header(self, rng: np.random.Generator) -> bytes:
        """A FITS file of which a card of the header is changed."""
        k = 80 * int(rng.integers(36))
        return self.fits[:k] + mutated(self.fits[k : k + 80], rng)[:80].ljust(80) + self.fits[k + 80 :]

    def recording(self, rng: np.random.Generator) -> str:
        ext, data = [("fits", self._header(rng)), ("fits", mutated(self.fits, rng)), ("ser", mutated(self.ser, rng)),
                     *((ext, mutated(one, rng)) for ext, one in self.images.items())][int(rng.integers(5))]  # fmt: skip
        path = self.folder / f"m.{ext}"
        path.write_bytes(data)
        recording = open_recording(path)
        for k, entry in enumerate(recording.entries[:2]):
            entry.frame(k)
        return ""

    def settings(self, rng: np.random.Generator) -> str:
        (self.folder / "m.toml").write_bytes(mutated(self.toml, rng))
        load(str(self.folder / "m.toml"))
        return ""

    def truths(self, rng: np.random.Generator) -> str:
        (self.folder / "m.json").write_bytes(mutated(self.truth, rng))
        load_truth(self.folder / "m.json")
        return ""

    def tables(self, rng: np.random.Generator) -> str:
        if rng.random() < 0.5:
            (self.folder / "m.csv").write_bytes(mutated(self.stars, rng))
            sidecar.star_table(self.folder / "m.csv")
        else:
            (self.folder / "badpix.csv").write_bytes(mutated(self.bad, rng))
            sidecar.calibration(self.folder, (64, 64))
        return ""


class Commands:
    """A payload that is sent telecommands."""

    def __init__(self) -> None:
        state = OperatingState(Mode.IDLE, pack((ScanEntry(0, float("nan"), float("nan"), 16, 0.0),)), False)
        self.to = CommandExecutor(state, ParameterSet(Config()), lambda command: Code.NONE, lambda: (Code.NONE, (0.0, 0.0)))

    def command(self, rng: np.random.Generator) -> str:
        operation = list(Operation)[int(rng.integers(len(Operation)))]
        given = {
            field.name: rng.bytes(int(rng.integers(513))) if field.code.startswith("S") else float(rng.integers(3))
            for field in ARGUMENTS[operation]
        }
        at = int(rng.choice([0, 0, NOW_TAI_NS + 5, NOW_TAI_NS - 5]))
        raw = Telecommand(operation, int(rng.integers(2**32)), given, at).pack(int(rng.integers(2**14)))
        answers = self.to.receive(mutated(raw, rng) if rng.random() < 0.7 else raw, NOW_TAI_NS)
        return "" if answers else "a command without an answer"


def tried(surface: Surface, n: int, seed: int) -> Counter[str]:
    """What went wrong in ``n`` inputs, by kind; and the slowest [s]."""
    wrong: Counter[str] = Counter()
    for k in range(n):
        begun = time.process_time()
        try:
            said = surface(np.random.default_rng([seed, k]))
        except SensorprocError:
            said = ""
        except Exception as error:
            said = f"{type(error).__name__}: {str(error)[:60]}"
        if said:
            wrong[said] += 1
        if time.process_time() - begun > LONGEST_S:
            wrong["too slow"] += 1
    return wrong


def all_surfaces(folder: Path) -> dict[str, tuple[Surface, float]]:
    """Surfaces with their shares."""
    assert main(["process", str(SAMPLE), "-o", str(folder / "run"), "--marking", "U", "--data-mode", "SIMULATED"]) == 0
    packets, files, commands = Packets((folder / "run" / "downlink.bin").read_bytes()), Files(folder), Commands()
    return {
        "streams": (packets.damaged, 0.25), "extremes": (packets.extreme, 0.15), "recordings": (files.recording, 0.15),
        "settings": (files.settings, 0.1), "truths": (files.truths, 0.1), "tables": (files.tables, 0.1),
        "telecommands": (commands.command, 0.15),
    }  # fmt: skip


def run(n: int, seed: int) -> int:
    """Try all surfaces; how many inputs went wrong."""
    total = 0
    with tempfile.TemporaryDirectory() as name:
        for surface, (function, share) in all_surfaces(Path(name)).items():
            begun = time.process_time()
            wrong = tried(function, round(n * share), seed)
            total += sum(wrong.values())
            spent = time.process_time() - begun
            told = json.dumps(dict(wrong.most_common(8)))
            print(f"{surface:14s} {round(n * share):7d} inputs, {spent:6.0f} s, wrong: {told}", flush=True)
    print(f"most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB; {total} of {n} wrong")
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    raise SystemExit(1 if run(options.n, options.seed) else 0)
