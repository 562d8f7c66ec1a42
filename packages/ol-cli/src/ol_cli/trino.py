"""`olp trino`: Trino over Iceberg on this machine. `bin/trino` is the same from a bare clone."""

import os
import shlex
import sys
from pathlib import Path

import click

from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.errors import SourceRejected, SourceUnavailable
from ol_orchestrate.lib.trino_stack import TrinoStack, lifecycle

_NOT_RUNNING = 3
_DBT_HINT = 'dbt by hand: eval "$(bin/trino env)"; cd src/ol_dbt && dbt build --target dev_trino'


@click.group(name="trino", context_settings={"help_option_names": ["-h", "--help"]})
def group() -> None:
    """Trino over Iceberg tables on this machine, with a catalogue of its own; no Docker, no account.

    Tables are files below OL_DATA_DIR, or objects below OL_ICEBERG_WAREHOUSE (s3://…).
    """


@group.command()
def start() -> None:
    """Start the stack and wait until it answers. Nothing happens when it runs."""
    lifecycle.start(_data_dir(), os.environ, _say)
    _say(_DBT_HINT)


@group.command()
def stop() -> None:
    """End what `start` started, and nothing else. The tables stay."""
    if not lifecycle.stop(_data_dir(), _say):
        _say("Nothing was running.")


@group.command()
def status() -> None:
    """Say what runs, and where; exit code 3 when the stack is not whole."""
    found = lifecycle.status(_data_dir())
    for process in found.processes:
        click.echo(f"{process.name:10} process {process.pid}, {process.memory_bytes / 1e9:.2f} GB, log {process.log}")
    if found.stack and found.is_running:
        click.echo(f"Trino {found.stack.trino_version} at {found.stack.url}, catalogue {found.stack.catalog},")
        click.echo(f"tables in {found.stack.warehouse_uri}")
        click.echo(_DBT_HINT)
        return
    click.echo("The stack is not running. `bin/trino start` starts it.")
    sys.exit(_NOT_RUNNING)


@group.command()
def env() -> None:
    """Print what points dbt's target `dev_trino` at the stack, for a shell: eval "$(bin/trino env)"."""
    for name, value in _running_stack().dbt_variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@group.command()
@click.argument("statement", required=False)
def sql(statement: str | None) -> None:
    """Run one STATEMENT (or what standard input holds) and print its rows, separated by tabs."""
    stack = _running_stack()
    text = (statement or sys.stdin.read()).strip().rstrip(";")
    for row in _rows(stack, text):
        click.echo("\t".join("NULL" if value is None else str(value) for value in row))


def _running_stack() -> TrinoStack:
    found = lifecycle.status(_data_dir())
    if found.stack and found.is_running:
        return found.stack
    _say("olp: Trino is not running. Type `bin/trino start`, then this again.")
    sys.exit(_NOT_RUNNING)


def _rows(stack: TrinoStack, statement: str) -> list[list[object]]:
    import trino

    try:
        with trino.dbapi.connect(
            host=stack.host, port=stack.port, user=stack.user, catalog=stack.catalog
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            return list(cursor.fetchall())
    except trino.exceptions.TrinoUserError as error:
        raise SourceRejected(f"Trino: {error.message}", system="trino", operation="query") from error
    except (trino.exceptions.Error, OSError) as error:
        message = f"Trino did not answer: {error}. `bin/trino status` tells whether it runs."
        raise SourceUnavailable(message, system="trino", operation="query") from error


def _data_dir() -> Path:
    return Storage.from_environ(os.environ).data_dir


def _say(line: str) -> None:
    click.echo(line, err=True)
