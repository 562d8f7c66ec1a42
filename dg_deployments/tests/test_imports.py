"""Each contract of .importlinter is kept, and would be seen broken. `lint-imports` itself is a step of bin/test."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONTRACTS = ["order", "core", "pure", "definitions", "sandbox", "independent_truth"]


@pytest.fixture
def sources(repo_root: Path, tmp_path: Path) -> Path:
    """A copy of all our packages, side by side, that a test may spoil."""
    packages = [*repo_root.glob("packages/*/src/*/__init__.py"), *repo_root.glob("dg_projects/*/*/__init__.py")]
    for package in packages:
        shutil.copytree(package.parent, tmp_path / package.parent.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repo_root / ".importlinter", tmp_path)
    return tmp_path


def lint(sources: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo", "--contract", contract]
    environ = {**os.environ, "PYTHONPATH": str(sources)}
    return subprocess.run(command, cwd=sources, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("contract", "module", "fault"),
    [
        ("order", "openedx/fault.py", "import edxorg"),
        ("order", "ol_orchestrate/lib/fault.py", "import openedx"),
        ("order", "lakehouse/fault.py", "import ol_cli.main"),
        ("core", "ol_orchestrate/lib/fault.py", "from ol_orchestrate import resources"),
        ("core", "ol_orchestrate/fault.py", ""),
        ("pure", "ol_orchestrate/lib/openedx/fault.py", "def late():\n    import dagster"),
        ("definitions", "ol_cli/fault.py", "import edxorg.definitions"),
        ("definitions", "lakehouse/fault.py", "from lakehouse.definitions import defs"),
        ("sandbox", "lakehouse/fault.py", "import ol_sandbox"),
        ("independent_truth", "ol_sandbox/fault.py", "from ol_orchestrate.lib import hashing"),
    ],
)
def test_a_forbidden_import_is_seen(sources: Path, contract: str, module: str, fault: str) -> None:
    (sources / module).write_text(fault)
    assert "1 broken" in lint(sources, contract).stdout


def test_every_contract_has_its_fault_above(repo_root: Path) -> None:
    text = (repo_root / ".importlinter").read_text()
    assert [
        line.split(":")[2][:-1] for line in text.splitlines() if line.startswith("[importlinter:contract:")
    ] == CONTRACTS
