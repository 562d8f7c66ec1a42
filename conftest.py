"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest

REPO_ROOT = Path(__file__).parent


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
