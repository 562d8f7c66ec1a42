"""`olp parity` as it is typed, where there is no Trino. What needs one is in test_parity_on_trino."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from ol_cli.main import cli
from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.trino_stack.facts import TrinoStack, write_stack


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OL_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("options", [[], ["--json"], ["--models", "dim_course__run"]])
def test_without_a_stack_it_is_exit_3_and_what_to_type(options: list[str]) -> None:
    shown = CliRunner().invoke(cli, ["parity", *options])
    assert (shown.exit_code, shown.stdout) == (3, "")
    assert "bin/trino start" in shown.stderr


def test_a_stack_that_does_not_answer_is_exit_3(data_dir: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    write_stack(data_dir, TrinoStack("127.0.0.1", port, "ol_data_lake", f"file://{data_dir}", "postgresql://x"))
    shown = CliRunner().invoke(cli, ["parity", "--json", "--build"])
    assert (shown.exit_code, shown.stdout) == (3, "")
    assert f"127.0.0.1:{port}" in shown.stderr or "does not answer" in shown.stderr


def test_a_selection_dbt_does_not_know_is_a_mistake_of_the_user(data_dir: Path) -> None:
    write_stack(data_dir, TrinoStack("127.0.0.1", 1, "ol_data_lake", f"file://{data_dir}", "postgresql://x"))
    shown = CliRunner().invoke(cli, ["parity", "--models", "no_such_model"])
    assert isinstance(shown.exception, ConfigurationError)  # which `olp` makes exit 2
