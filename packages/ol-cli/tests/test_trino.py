from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ol_cli.main import cli
from ol_orchestrate.lib.trino_stack import TrinoStack


def olp(data_dir: Path, *arguments: str, **more: str | None) -> Result:
    return CliRunner(env={"OL_DATA_DIR": str(data_dir), **more}).invoke(cli, ["trino", *arguments])


def test_status_says_how_to_start_it(tmp_path: Path) -> None:
    shown = olp(tmp_path, "status")
    assert shown.exit_code == 3
    assert "bin/trino start" in shown.stdout


def test_a_query_without_a_server_says_how_to_start_it(tmp_path: Path) -> None:
    shown = olp(tmp_path, "sql", "select 1")
    assert shown.exit_code == 3
    assert "bin/trino start" in shown.stderr


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
