"""The command itself: its groups, its exit codes, and what it does not load."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from ol_cli import main
from ol_cli.main import GROUPS, cli
from ol_orchestrate.lib.errors import ConfigurationError, MalformedInput, OLDataError, SourceUnavailable


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_every_group(option: str) -> None:
    shown = CliRunner().invoke(cli, [option])
    assert shown.exit_code == 0
    assert all(f"  {name} " in shown.stdout for name in GROUPS)


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_every_group_is_a_command_with_help(name: str) -> None:
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0
    assert shown.stdout.startswith("Usage: ")


def test_the_version() -> None:
    assert "0.1.0" in CliRunner().invoke(cli, ["--version"]).stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["logs", "nonsense"], ["logs", "normalize"], ["--nonsense"]])
def test_usage_errors_exit_2_and_say_so_on_standard_error(arguments: list[str]) -> None:
    shown = CliRunner().invoke(cli, arguments)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "Usage: " in shown.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("set THIS"), 2),
        (MalformedInput("bad file", source="k"), 1),
        (SourceUnavailable("busy", system="folder", operation="write"), 1),
        (OLDataError("any"), 1),
    ],
)
def test_failures_we_understand_are_one_line_and_a_code(
    error: OLDataError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(main, "cli", failing)
    monkeypatch.setattr(sys, "argv", ["olp"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"olp: {error.message}\n")


def test_failures_we_do_not_understand_keep_their_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def failing() -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(main, "cli", failing)
    monkeypatch.setattr(sys, "argv", ["olp"])
    with pytest.raises(KeyError):
        main.main()


HEAVY = ("dagster", "duckdb", "boto3", "botocore", "s3fs", "dbt", "pandas", "lxml")


def test_the_group_of_logs_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ol_cli.main import cli; cli(['logs', 'normalize', '--help'], standalone_mode=False); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stderr == "[]\n"
