"""Every direct dependency has a reason on docs/dependencies.md, and an import that needs it."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Needed without an import, and why that is so.
NOT_IMPORTED = {
    "boto3": "dagster-aws makes its clients; ours name its errors, which are botocore's",
    "dagster-postgres": "named by the instance files of dg_deployments",
    "dbt-duckdb": "dbt finds its adapters by itself",
    "dbt-trino": "dbt finds its adapters by itself",
    "s3fs": "universal-pathlib finds it by the s3:// of a path",
}
# Released apart, and versioned as one with what is asked for.
PARTS_OF = {"botocore": {"boto3"}, "dbt_common": {"dbt-core"}}
DESIGN_CARD = {"dagster_aws", "dagster_duckdb", "dagster_dbt"}


def project_files(repo_root: Path) -> list[Path]:
    return sorted([*repo_root.glob("packages/*/pyproject.toml"), *repo_root.glob("dg_projects/*/pyproject.toml")])


def requirements(lines: list[object]) -> set[str]:
    """The packages of a list of requirements; a group included by another is not one."""
    return {canonicalize_name(Requirement(line).name) for line in lines if isinstance(line, str)}


def runtime(path: Path) -> set[str]:
    return requirements(tomllib.loads(path.read_text())["project"]["dependencies"])


def imported(folder: Path) -> set[str]:
    """Top-level names that the sources of one package import, wherever in a file they do."""
    found: set[str] = set()
    for source in (path for path in folder.rglob("*.py") if "tests" not in path.parts[len(folder.parts) :][0]):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found


@pytest.fixture(scope="module")
def members(repo_root: Path) -> set[str]:
    return {path.parent.name for path in project_files(repo_root)}


@pytest.fixture(scope="module")
def distributions() -> dict[str, set[str]]:
    """Import name → the packages that bring it."""
    return {name: {canonicalize_name(of) for of in owners} for name, owners in packages_distributions().items()}


def test_the_page_has_every_direct_dependency_and_no_other(repo_root: Path, members: set[str]) -> None:
    groups = tomllib.loads((repo_root / "pyproject.toml").read_text())["dependency-groups"]
    named = {name for group in groups.values() for name in requirements(group)}
    named |= {name for path in project_files(repo_root) for name in runtime(path)}
    page = re.findall(r"^\| `([^`]+)` \| (.{10,}) \|$", (repo_root / "docs/dependencies.md").read_text(), re.MULTILINE)
    assert [name for name, _reason in page] == list(dict(page)), "a package is on the page twice"
    assert set(dict(page)) == named - members


def test_every_runtime_dependency_is_imported_by_the_package_that_asks_for_it(
    repo_root: Path, members: set[str], distributions: dict[str, set[str]]
) -> None:
    idle = {}
    for path in project_files(repo_root):
        used = {owner for name in imported(path.parent) for owner in distributions.get(name, set())}
        idle[path.parent.name] = runtime(path) - used - members - set(NOT_IMPORTED)
    assert {package: names for package, names in idle.items() if names} == {}


def test_every_import_is_asked_for(repo_root: Path, members: set[str], distributions: dict[str, set[str]]) -> None:
    """By the package itself or by one of ours it stands on; never by luck, because something else brings it along."""
    declared = {path.parent.name: runtime(path) for path in project_files(repo_root)}
    foreign = []
    for path in project_files(repo_root):
        mine = declared[path.parent.name]
        allowed = mine | {name for ours in mine & members for name in declared[ours]} | {path.parent.name}
        for name in sorted(imported(path.parent)):
            owners = PARTS_OF.get(name, distributions.get(name, set()))
            if owners and not owners & allowed:
                foreign.append(f"{path.parent.name} imports {name}, of {owners}")
    assert foreign == []


def test_every_package_of_the_design_card_is_used(repo_root: Path) -> None:
    used = {name for path in project_files(repo_root) for name in imported(path.parent)}
    assert used >= DESIGN_CARD
    production = (repo_root / "dg_deployments/production/dagster.yaml").read_text()
    assert "module: dagster_aws.s3" in production
    assert "postgres:" in production
