"""The walls of the design, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("sensorproc/**/*.py"), *ROOT.glob("firmware_sim/**/*.py")])


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    """Full names a file imports; submodules of packages are resolved for ``from package import module``."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def inside(names: set[str], *packages: str) -> set[str]:
    return {n for n in names if any(n == p or n.startswith(p + ".") for p in packages)}


def files(package: str) -> list[Path]:
    return [p for p in FILES if module_name(p) == package or module_name(p).startswith(package + ".")]


@pytest.mark.parametrize("path", files("sensorproc.ground"), ids=module_name)
def test_ground_knows_only_bytes(path):
    assert not inside(imports(path), "sensorproc.onboard", "sensorproc.recording", "firmware_sim")


@pytest.mark.parametrize("path", files("sensorproc.onboard") + files("sensorproc.downlink"), ids=module_name)
def test_onboard_and_downlink_are_pure(path):
    banned = ("time", "datetime", "random", "os", "pathlib", "logging", "astropy", "sensorproc.recording", "sensorproc.ground")
    assert not inside(imports(path), *banned, "firmware_sim", "photutils", "matplotlib")
    calls = [n.func.id for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    assert "open" not in calls


@pytest.mark.parametrize("path", files("sensorproc.downlink"), ids=module_name)
def test_downlink_knows_neither_side(path):
    assert not inside(imports(path), "sensorproc.onboard", "sensorproc.ground", "numba")


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_numba_only_in_kernels(path):
    if "kernels" in path.parts:
        allowed = ("numba", "numpy", "math", "typing", module_name(path).rsplit(".kernels", 1)[0] + ".kernels")
        assert imports(path) == inside(imports(path), *allowed)
    elif path.name != "doctor.py":
        assert not inside(imports(path), "numba")


@pytest.mark.parametrize("path", files("sensorproc"), ids=module_name)
def test_only_lazy_verbs_reach_the_simulator(path):
    if path.parent.name != "verbs":
        assert not inside(imports(path), "firmware_sim")
    assert not inside(imports(path, top_level_only=True), "firmware_sim")


@pytest.mark.parametrize("path", files("firmware_sim.scene"), ids=module_name)
def test_scene_shares_no_maths(path):
    assert inside(imports(path), "sensorproc") == inside(
        imports(path), "sensorproc.conventions", "sensorproc.catalog.stars", "sensorproc.offline"
    )


@pytest.mark.parametrize("path", files("firmware_sim"), ids=module_name)
def test_components_meet_in_the_topology_alone(path):
    if path.parent.name not in ("flight", "live") or path.stem not in ("parts", "payload", "uplink"):
        others = inside(imports(path), "firmware_sim.components")
        assert not {name for name in others if name.split(".")[2:3] != [path.stem]}


def test_no_import_cycles():
    names = {module_name(path) for path in FILES}
    graph = {module_name(path): imports(path, top_level_only=True) & names for path in FILES}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name in done:
            return
        for other in graph[name] - {name}:
            visit(other, (*trail, name))
        done.add(name)

    for name in graph:
        # a package and its own submodules are one room: `recording` exports what `recording.open` defines
        graph[name] = {n for n in graph[name] if not name.startswith(n + ".")}
    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_files_stay_small(path):
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize(
    ("module", "banned"),
    [("sensorproc.ground.decode", "numba"), ("sensorproc.cli", "numpy"), ("sensorproc", "numpy"),
     ("sensorproc.onboard.pipeline", "astropy"), ("sensorproc.onboard.pipeline", "photutils"),
     ("sensorproc.onboard.pipeline", "scipy.stats")],
)  # fmt: skip
def test_import_does_not_load(module, banned):
    code = f"import sys, {module}; sys.exit({banned!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
