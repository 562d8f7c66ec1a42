import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt_common.exceptions import DbtRuntimeError

from lakehouse.dbt_plugin import Plugin
from lakehouse.manifest import dbt_executable, dbt_project_dir

CONNECTION = ("path", "schema", "settings")


@pytest.fixture
def credentials(environ: dict[str, str]) -> DuckDBCredentials:
    profile = yaml.safe_load((dbt_project_dir(environ) / "profiles.yml").read_text())
    output = profile["ol_dbt"]["outputs"][profile["ol_dbt"]["target"]]
    return DuckDBCredentials.from_dict({name: output[name] for name in CONNECTION} | {"database": "ol_warehouse"})


def plugged_in(credentials: DuckDBCredentials) -> Plugin:
    return Plugin("dbt_plugin", {}, credentials)


def test_the_default_target_is_dev(environ: dict[str, str]) -> None:
    profile = yaml.safe_load((dbt_project_dir(environ) / "profiles.yml").read_text())["ol_dbt"]
    assert profile["target"] == "dev"
    assert profile["outputs"]["dev"]["plugins"] == [{"module": "lakehouse.dbt_plugin"}]


def test_without_a_variable_the_warehouse_is_in_the_checkout(
    credentials: DuckDBCredentials, repo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OL_DATA_DIR")
    monkeypatch.chdir(tmp_path)
    plugged_in(credentials)
    assert credentials.path == str(repo_root / ".ol" / "warehouse" / "ol_warehouse.duckdb")


def test_a_relative_data_directory_counts_from_the_checkout(
    credentials: DuckDBCredentials, repo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OL_DATA_DIR", "elsewhere")
    plugged_in(credentials)
    assert credentials.path == str(repo_root / "elsewhere" / "warehouse" / "ol_warehouse.duckdb")


def test_connecting_makes_the_folder(credentials: DuckDBCredentials, lake: Any) -> None:
    plugged_in(credentials).update_connection_config(credentials, {})
    assert (lake.data_dir / "FORMAT").is_file()
    assert lake.warehouse.is_file()


def test_the_file_is_held_until_dbt_has_opened_it(credentials: DuckDBCredentials, lake: Any) -> None:
    """No other process gets in between the question whether it is free and dbt's own opening."""
    plugin = plugged_in(credentials)
    plugin.update_connection_config(credentials, {})
    code = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    other = [sys.executable, "-c", code, str(lake.warehouse)]
    assert b"Conflicting lock" in subprocess.run(other, capture_output=True, check=False).stderr
    with duckdb.connect(lake.warehouse, config={}) as opened:
        plugin.configure_connection(opened)
    assert subprocess.run(other, capture_output=True, check=False).returncode == 0


def test_a_reader_of_the_open_warehouse_is_let_in(credentials: DuckDBCredentials, lake: Any) -> None:
    plugin = plugged_in(credentials)
    plugin.update_connection_config(credentials, {})
    with duckdb.connect(lake.warehouse) as opened:
        plugin.configure_connection(opened)
    with duckdb.connect(lake.warehouse, read_only=True):
        plugin.update_connection_config(credentials, {"access_mode": "READ_ONLY"})


def test_a_busy_warehouse_is_refused_with_its_holder(credentials: DuckDBCredentials, lake: Any) -> None:
    with lake.held_by_another_process() as holder, pytest.raises(DbtRuntimeError, match=f"process {holder.pid} "):
        plugged_in(credentials).update_connection_config(credentials, {})


def test_a_folder_of_another_version_is_refused(credentials: DuckDBCredentials, lake: Any) -> None:
    lake.data_dir.mkdir()
    (lake.data_dir / "FORMAT").write_text("999")
    with pytest.raises(DbtRuntimeError, match="newer version"):
        plugged_in(credentials).update_connection_config(credentials, {})


def test_dbt_finds_the_warehouse_from_anywhere(lake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real program, started outside of the project."""
    monkeypatch.chdir(tmp_path)
    project = str(dbt_project_dir(os.environ))
    folders = ["--project-dir", project, "--profiles-dir", project, "--target-path", str(tmp_path / "target")]
    query = "select current_database() as name, current_setting('TimeZone') as zone"
    shown = subprocess.run(
        [dbt_executable(), "--quiet", "show", *folders, "--inline", query, "--output", "json"],
        env={**os.environ, "DBT_LOG_PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert '"name": "ol_warehouse"' in shown.stdout
    assert '"zone": "UTC"' in shown.stdout
    assert lake.warehouse.is_file()
