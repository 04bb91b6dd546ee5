"""The rooms of the house: which may know which, how many files lie in each, and how much one function may hold."""

import ast
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sensorproc", "firmware_sim")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ONBOARD = ROOT / "sensorproc" / "onboard"

# What a room or a file of the ground floor of sensorproc/onboard may import, besides itself and what those import.
# Read from above: nothing knows what stands below it.
GROUND = {"threads", "stage", "straight_line", "footprint", "kernels", "products", "pixel_ownership"}
KNOWN = {*GROUND, "false_alarms", "star_table", "state", "stack", "sky_measurement"}
ALLOWED = {
    "kernels": set(),
    "threads": set(),
    "stage": set(),
    "straight_line": set(),
    "footprint": set(),
    "products": set(),
    "pixel_ownership": {"products"},
    "false_alarms": set(),
    "star_table": GROUND,
    "state": {*GROUND, "star_table"},
    "stack": GROUND,
    "sky_measurement": GROUND,
    "image": KNOWN,
    "frame": {*KNOWN, "image"},
    "registration": {*KNOWN, "image"},
    "sky": {*KNOWN, "image"},
    "patches": {*KNOWN, "image"},
    "streaks": {*KNOWN, "image"},
    "detector": {*KNOWN, "image"},
    "stars": {*KNOWN, "image", "sky"},
    "search": {*KNOWN, "image", "detector"},
    "residual_set": {*KNOWN, "frame", "registration", "sky", "patches", "detector", "stars", "search"},
    "pipeline": {*KNOWN, "frame", "patches", "streaks", "search", "residual_set"},
    "records": {*KNOWN},
    "frame_set_processor": {*KNOWN, "frame", "sky", "pipeline", "records"},
}
MOST_FILES, MOST_KERNELS = 16, 24
MOST_LINES, MOST_KERNEL_LINES, MOST_PIPELINE_LINES = 60, 80, 120
MOST_PARAMETERS = 8
MOST_DOTS = 2
# Attributes that lead from one product of the pipeline to another.
PRODUCTS = {"facts", "registration", "solution", "registered", "flattened", "transform", "trail", "frames", "reference", "sensor",
            "camera", "observer", "candidate", "residuals", "processed"}  # fmt: skip


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room(module: str) -> str:
    """Room of a module of sensorproc.onboard, or the file itself on the ground floor."""
    return module.removeprefix("sensorproc.onboard.").split(".")[0]


@pytest.mark.parametrize("path", sorted(ONBOARD.rglob("*.py")), ids=name)
def test_no_room_knows_one_above_it(path):
    mine = path.relative_to(ONBOARD).with_suffix("").parts[0]
    if mine == "__init__":
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sensorproc.onboard"):
            modules = [node.module] if node.module != "sensorproc.onboard" else [f"{node.module}.{n.name}" for n in node.names]
            others = {room(module) for module in modules} - {mine}
            assert others <= ALLOWED[mine], f"{mine} may not import {others - ALLOWED[mine]}"


def test_the_table_of_rooms_has_no_circle():
    left = dict(ALLOWED)
    while left:
        free = {one for one, others in left.items() if not others & set(left)}
        assert free, f"a circle among {sorted(left)}"
        left = {one: others for one, others in left.items() if one not in free}


def test_every_room_is_in_the_table_and_says_what_it_answers():
    rooms = {path.stem for path in ONBOARD.glob("*.py")} | {path.parent.name for path in ONBOARD.glob("*/__init__.py")}
    assert rooms - {"__init__"} == set(ALLOWED)
    for path in ONBOARD.glob("*/__init__.py"):
        text = ast.get_docstring(tree(path)) or ""
        assert text, name(path)
        assert path.parent.name == "kernels" or text.endswith("?"), name(path)


def test_no_folder_is_a_drawer():
    folders = Counter(path.parent for path in FILES)
    crowded = {name(d): n for d, n in folders.items() if n > (MOST_KERNELS if d.name == "kernels" else MOST_FILES)}
    assert not crowded


def test_the_pipeline_fits_on_two_screens():
    assert len((ONBOARD / "pipeline.py").read_text().splitlines()) <= MOST_PIPELINE_LINES


def functions(path: Path):
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_functions_are_short_and_take_few_things(path):
    """But verbs, whose parameters are the options of the command line, and kernels, which take arrays."""
    if "verbs" in path.parts:
        return
    is_kernel = "kernels" in path.parts
    for one in functions(path):
        n_lines = one.end_lineno - one.lineno + 1
        assert n_lines <= (MOST_KERNEL_LINES if is_kernel else MOST_LINES), f"{one.name} has {n_lines} lines"
        given = [a.arg for a in (*one.args.posonlyargs, *one.args.args, *one.args.kwonlyargs) if a.arg not in ("self", "cls")]
        assert is_kernel or len(given) <= MOST_PARAMETERS, f"{one.name} takes {len(given)} parameters"


def chain(node: ast.expr) -> list[str]:
    """Attributes of a chain, innermost last."""
    found = []
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute):
            found.append(node.attr)
        node = node.value
    return found if isinstance(node, ast.Name) else []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_chain_leads_through_three_products(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            found = chain(node)
            through = [attribute for attribute in found[1:] if attribute in PRODUCTS]
            assert len(found) <= MOST_DOTS or len(through) < MOST_DOTS, f"line {node.lineno}: {ast.unparse(node)}"


def constants(path: Path) -> dict[str, str]:
    """Constants of a module and their values as they are written, tuples taken apart."""
    found = {}
    for node in tree(path).body:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            found |= {t.id: ast.unparse(v) for t, v in pairs if isinstance(t, ast.Name) and t.id.isupper()}
    return found


def test_a_constant_is_defined_once():
    homes = defaultdict(list)
    for path in FILES:
        for constant, value in constants(path).items():
            homes[constant, value].append(name(path))
    twice = {key: paths for key, paths in homes.items() if len(paths) > 1}
    assert not twice
