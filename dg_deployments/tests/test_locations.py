"""A code location is a folder in dg_projects; every list of locations says the same."""

import configparser
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture(scope="module")
def folders(repo_root: Path) -> list[str]:
    return sorted(path.parent.name for path in repo_root.glob("dg_projects/*/pyproject.toml"))


@pytest.fixture(scope="module")
def root(repo_root: Path) -> dict[str, Any]:
    return tomllib.loads((repo_root / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def services(repo_root: Path) -> dict[str, Any]:
    return yaml.safe_load((repo_root / "docker-compose.yaml").read_text())["services"]


@pytest.fixture(scope="module")
def imports(repo_root: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(repo_root / ".importlinter")
    return parser


def workspace(repo_root: Path, deployment: str) -> list[dict[str, Any]]:
    loaded = yaml.safe_load((repo_root / "dg_deployments" / deployment / "workspace.yaml").read_text())
    return [origin for entry in loaded["load_from"] for origin in entry.values()]


def test_the_local_workspace(repo_root: Path, folders: list[str]) -> None:
    origins = workspace(repo_root, "local")
    assert sorted(origin["location_name"] for origin in origins) == folders
    assert all(origin["module_name"] == f"{origin['location_name']}.definitions" for origin in origins)


def test_the_workspace_of_compose(repo_root: Path, folders: list[str], services: dict[str, Any]) -> None:
    origins = workspace(repo_root, "compose")
    assert sorted(origin["location_name"] for origin in origins) == folders
    for origin in origins:
        built = services[origin["host"]]["build"]
        assert built["args"] == {"LOCATION": origin["location_name"]}


def test_the_services_of_compose(folders: list[str], services: dict[str, Any]) -> None:
    built = {name: service["build"].get("args") for name, service in services.items() if "build" in service}
    assert sorted(args["LOCATION"] for args in built.values() if args) == folders
    assert set(services) == {f"dagster_{folder}" for folder in folders} | {
        "postgres",
        "dagster_init",
        "dagster_webserver",
        "dagster_daemon",
    }


def test_dg(root: dict[str, Any], folders: list[str]) -> None:
    projects = root["tool"]["dg"]["workspace"]["projects"]
    assert sorted(project["path"] for project in projects) == [f"dg_projects/{folder}" for folder in folders]


@pytest.mark.parametrize("setting", ["root_module", "code_location_target_module", "defs_module"])
def test_dg_inside_a_location(repo_root: Path, folders: list[str], setting: str) -> None:
    for folder in folders:
        project = tomllib.loads((repo_root / "dg_projects" / folder / "pyproject.toml").read_text())["tool"]["dg"]
        assert project["directory_type"] == "project"
        assert project["project"][setting].split(".")[0] == folder


def test_dg_finds_the_one_environment(repo_root: Path, folders: list[str]) -> None:
    for folder in folders:
        text = (repo_root / "dg_projects" / folder / ".env").read_text()
        assert "DG_PROJECT_PYTHON_EXECUTABLE=../../.venv/bin/python" in text


def test_mypy_and_ruff_and_uv(root: dict[str, Any], folders: list[str]) -> None:
    assert {f"dg_projects/{folder}" for folder in folders} <= set(root["tool"]["mypy"]["mypy_path"])
    assert set(folders) <= set(root["tool"]["uv"]["sources"])
    assert "dg_projects/*" in root["tool"]["ruff"]["src"]


def test_the_import_contracts(imports: configparser.ConfigParser, folders: list[str]) -> None:
    assert set(folders) <= set(imports["importlinter"]["root_packages"].split())
    middle = next(line for line in imports["importlinter:contract:order"]["layers"].splitlines() if "openedx" in line)
    assert sorted(part.strip() for part in middle.split("|")) == sorted([*folders, "ol_sandbox"])


def test_a_location_has_a_readme_and_tests(repo_root: Path, folders: list[str]) -> None:
    for folder in folders:
        assert (repo_root / "dg_projects" / folder / "README.md").is_file(), folder
        assert list((repo_root / "dg_projects" / folder / f"{folder}_tests").rglob("test_*.py")), folder
