"""docs/scale.md: everything it names exists, and its columns are ten times the one before."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

type OlpKnows = Callable[[list[str]], bool]

SOURCES = ("packages", "dg_projects", "dg_deployments", "src/ol_dbt/models", "src/ol_dbt/profiles.yml")
KINDS = {".py", ".sql", ".yml", ".yaml"}
UNITS = {"s": 1, "core s": 1, "min": 60, "core min": 60, "h": 3600, "core h": 3600, "": 1, "M": 1e6}
UNITS |= {"GB": 1e9, "TB": 1e12, "MB": 1e6}


@pytest.fixture(scope="module")
def page(repo_root: Path) -> str:
    return (repo_root / "docs" / "scale.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def code(repo_root: Path) -> str:
    """All that a setting, an asset or a constant could be named in."""
    tops = [repo_root / top for top in SOURCES]
    files = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*")) if path.suffix in KINDS]
    return "\n".join(path.read_text(encoding="utf-8") for path in files if path.name != Path(__file__).name)


def test_what_it_names_exists(page: str, code: str, repo_root: Path, olp_knows: OlpKnows) -> None:
    named = set(re.findall(r"`([^`]+)`", page))
    missing = [name for name in named if not (exists(name, repo_root, olp_knows) or name in code)]
    assert len(named) > 20
    assert missing == []


def exists(name: str, repo_root: Path, olp_knows: OlpKnows) -> bool:
    match name.split():
        case ["olp", *words]:
            return olp_knows(words)
        case ["dbt", *_]:
            return True
    return (repo_root / name).exists() or f"# {name}=" in (repo_root / ".env.example").read_text(encoding="utf-8")


def test_ten_times_as_much_is_ten_times_as_much(page: str) -> None:
    """Within what rounding to two digits does; a cell may hold two figures."""
    section = page.split("## 3.")[1].split("## 4.", maxsplit=1)[0]
    rows = [line.strip("| \n").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 12
    for name, _how, *cells in rows:
        amounts = [figures(cell) for cell in cells]
        for one, ten in itertools.pairwise(amounts):
            assert len(one) == len(ten), name
            for little, much in zip(one, ten, strict=True):
                assert much / little == pytest.approx(10, rel=0.12), (name, cells)


def figures(cell: str) -> list[float]:
    found = re.findall(r"([\d,.]+)(?: ([a-zA-Z ]+))?(?:; |$)", cell)
    assert found, cell
    return [float(number.replace(",", "")) * UNITS[unit] for number, unit in found]
