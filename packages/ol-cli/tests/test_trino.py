import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ol_cli.main import cli
from ol_orchestrate.lib.trino_stack import TrinoStack
from ol_orchestrate.lib.trino_stack.facts import write_stack


def olp(data_dir: Path, *arguments: str, **more: str | None) -> Result:
    return CliRunner(env={"OL_DATA_DIR": str(data_dir), **more}).invoke(cli, ["trino", *arguments])


def test_status_says_how_to_start_it(tmp_path: Path) -> None:
    shown = olp(tmp_path, "status")
    assert shown.exit_code == 3
    assert "bin/trino start" in shown.stdout


@pytest.mark.parametrize("arguments", [("sql", "select 1"), ("env",)])
def test_what_needs_a_server_says_how_to_start_it(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    shown = olp(tmp_path, *arguments)
    assert (shown.exit_code, shown.stdout) == (3, "")
    assert "Type `bin/trino start`" in shown.stderr


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """The data directory of a stack whose processes are gone."""
    write_stack(tmp_path, TrinoStack("127.0.0.1", 1, "c", "file:///x", "postgresql://x"))
    return tmp_path


@pytest.mark.parametrize("arguments", [("sql", "select 1"), ("env",), ("status",)])
def test_a_stack_that_crashed_is_none(crashed: Path, arguments: tuple[str, ...]) -> None:
    shown = olp(crashed, *arguments)
    assert shown.exit_code == 3
    assert "bin/trino start" in shown.output


def test_stopping_nothing_is_no_error(tmp_path: Path) -> None:
    shown = olp(tmp_path, "stop")
    assert (shown.exit_code, shown.stderr) == (0, "Nothing was running.\n")


@pytest.mark.engines
def test_a_query_prints_rows_and_status_says_where_it_runs(trino_stack_dir: Path, trino_stack: TrinoStack) -> None:
    shown = olp(trino_stack_dir, "sql", "values (1, 'ä', null), (2, '', true);")
    assert shown.stdout.splitlines() == ["1\tä\tNULL", "2\t\tTrue"]
    assert olp(trino_stack_dir, "status").exit_code == 0
    assert trino_stack.url in olp(trino_stack_dir, "status").stdout
    wrong = olp(trino_stack_dir, "sql", "selec 1")
    assert wrong.exit_code == 1
    assert "mismatched input" in str(wrong.exception)


@pytest.mark.engines
def test_dbt_by_hand_is_what_the_hint_says(
    trino_stack_dir: Path, trino_stack: TrinoStack, repo_root: Path, tmp_path: Path
) -> None:
    """As somebody types it; only dbt's own files go elsewhere."""
    hint = 'eval "$(bin/trino env)"; cd src/ol_dbt && dbt build --target dev_trino'
    assert hint in olp(trino_stack_dir, "status").stdout
    assert hint in olp(trino_stack_dir, "start").stderr
    typed = hint.replace("dbt build", "dbt debug")
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "OL_BOOTSTRAPPED": str(repo_root),
        "OL_DATA_DIR": str(trino_stack_dir),
        "DBT_TRINO_HOST": "trino.example.org",
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
    }
    done = subprocess.run(["sh", "-c", typed], cwd=repo_root, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"port: {trino_stack.port}" in done.stdout
    assert "All checks passed!" in done.stdout
