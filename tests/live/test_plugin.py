"""The example of docs/hardware.md runs as it stands, in a pytest of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_example_of_the_docs_runs(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (DOCS / "hardware.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "test_example.py").write_text(example)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # its own options alone
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
