"""The `olp` command: finds a group by name and imports it only when it is called."""

import importlib
import sys
from typing import NoReturn

import click

from ol_orchestrate.lib.errors import ConfigurationError, OLDataError

GROUPS = {
    "demo": "run the whole platform on this machine",
    "logs": "normalize tracking logs",
    "olx": "read course archives",
    "parity": "compare every model on DuckDB and on Trino",
    "quarantine": "list, show and replay rows that could not be read",
    "sandbox": "build the synthetic university",
    "trino": "Trino over Iceberg on this machine",
}


class LazyGroups(click.Group):
    """A group whose members are modules of this package, so that `olp logs` does not pay for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order they are listed in help."""
        return sorted(GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import `ol_cli.<name>` and return its `group`."""
        if cmd_name not in GROUPS:
            return None
        command = importlib.import_module(f"ol_cli.{cmd_name}").group
        assert isinstance(command, click.Command)  # noqa: S101 - every module of GROUPS defines one
        return command


@click.command(cls=LazyGroups, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ol-cli")
def cli() -> None:
    """The open learning data platform, from the command line."""


def main() -> None:
    """Run `olp`; exit code 0 done, 1 an input failed, 2 usage or configuration."""
    try:
        cli()
    except ConfigurationError as error:
        _fail(error, 2)
    except OLDataError as error:
        _fail(error, 1)


def _fail(error: OLDataError, code: int) -> NoReturn:
    click.echo(f"olp: {error.message}", err=True)
    sys.exit(code)
