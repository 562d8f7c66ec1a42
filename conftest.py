"""Fixtures every test may use."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import OLDataError
from ol_orchestrate.lib.trino_stack import TrinoStack, lifecycle, read_stack

REPO_ROOT = Path(__file__).parent
STACK_DIR = os.environ.get("OL_TRINO_STACK_DIR")
"""Read before any test clears the environment."""


@pytest.fixture(scope="session")
def repo_root() -> Path:
    return REPO_ROOT


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Real, publicly licensed samples; they are not part of the repository."""
    path = Path(os.environ.get("OL_SAMPLE_DATA", REPO_ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no sample data at {path}; set OL_SAMPLE_DATA to a folder that holds it")
    return path


@pytest.fixture(scope="session")
def trino_stack_dir() -> Iterator[Path]:
    """The data directory of a running stack: that of `bin/test --engines`, else one for this session alone."""
    if STACK_DIR:
        yield Path(STACK_DIR)
        return
    with tempfile.TemporaryDirectory(prefix="ol-engines-") as folder:
        Path(folder).chmod(0o755)  # the account that PostgreSQL runs as has to get in
        try:
            lifecycle.start(Path(folder), os.environ, print)
        except OLDataError as error:
            if os.environ.get("CI"):
                pytest.fail(f"CI is set, and Trino could not start: {error.message}")
            pytest.skip(f"Trino could not start: {error.message}")
        try:
            yield Path(folder)
        finally:
            lifecycle.stop(Path(folder), print)


@pytest.fixture(scope="session")
def trino_stack(trino_stack_dir: Path) -> TrinoStack:
    """Trino over Iceberg, running; one for all tests, so each uses schemas of its own."""
    stack = read_stack(trino_stack_dir)
    assert stack is not None  # noqa: S101 (it was started above)
    return stack
