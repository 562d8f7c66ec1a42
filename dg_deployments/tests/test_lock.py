"""The lock can be installed anywhere: one public index, one Python, nothing that downloads while it installs."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

PUBLIC_INDEX = "https://pypi.org/simple"


@pytest.fixture(scope="module")
def lock(repo_root: Path) -> dict[str, Any]:
    return tomllib.loads((repo_root / "uv.lock").read_text())


@pytest.fixture(scope="module")
def versions(lock: dict[str, Any]) -> dict[str, Version]:
    return {package["name"]: Version(package["version"]) for package in lock["package"] if "version" in package}


def foreign_urls(packages: list[dict[str, Any]]) -> list[str]:
    """Where a package would come from, if not from the public index or the workspace."""
    sources = [package["source"] for package in packages]
    registries = {source["registry"] for source in sources if "registry" in source}
    elsewhere = {str(source) for source in sources if not {"registry", "editable", "virtual"} & set(source)}
    files = [file.get("url", "") for package in packages for file in package.get("wheels", [])]
    hosts = {url.split("/")[2] for url in files if url} - {"files.pythonhosted.org"}
    return sorted((registries - {PUBLIC_INDEX}) | elsewhere | hosts)


def test_every_package_comes_from_the_public_index(lock: dict[str, Any]) -> None:
    assert foreign_urls(lock["package"]) == []


def test_a_private_index_would_be_seen() -> None:
    assert foreign_urls(
        [
            {"name": "a", "source": {"registry": "https://mirror.example/simple"}},
            {"name": "b", "source": {"git": "https://example/b.git"}},
            {"name": "c", "source": {"registry": PUBLIC_INDEX}, "wheels": [{"url": "https://cache.example/c.whl"}]},
        ]
    ) == ["cache.example", "https://mirror.example/simple", "{'git': 'https://example/b.git'}"]


def test_python_is_bounded_from_above(repo_root: Path, lock: dict[str, Any]) -> None:
    assert lock["requires-python"] == "==3.13.*"
    for path in [*repo_root.glob("packages/*/pyproject.toml"), *repo_root.glob("dg_projects/*/pyproject.toml")]:
        assert tomllib.loads(path.read_text())["project"]["requires-python"] == ">=3.13,<3.14", path


def test_members_are_the_folders(repo_root: Path, lock: dict[str, Any]) -> None:
    paths = [*repo_root.glob("packages/*/pyproject.toml"), *repo_root.glob("dg_projects/*/pyproject.toml")]
    assert lock["manifest"]["members"] == sorted(path.parent.name for path in paths)


def test_nothing_downloads_a_binary_while_it_installs(versions: dict[str, Version]) -> None:
    assert "dbt-core-experimental-parser" not in versions


def test_versions_known_to_lose_rows_or_fail_are_kept_out(versions: dict[str, Version]) -> None:
    assert versions["duckdb"] >= Version("2.0"), "1.x turned some valid rows of newline JSON into nulls"
    assert versions["sqlalchemy"] < Version("2.1"), "2.1 makes Dagster on PostgreSQL ask for psycopg 3"


def test_the_root_is_virtual_so_that_uv_sync_installs_every_member(repo_root: Path) -> None:
    root = tomllib.loads((repo_root / "pyproject.toml").read_text())
    assert "project" not in root
    assert root["tool"]["uv"]["workspace"]["members"] == ["packages/*", "dg_projects/*"]


def test_no_python_version_file_that_would_break_a_pyenv_shim_of_uv(repo_root: Path) -> None:
    assert not (repo_root / ".python-version").exists()
