"""`olp sandbox`: make the synthetic university, and break it."""

import json
import os
import time
from pathlib import Path
from typing import Any

import click

from ol_orchestrate.lib.environment import Environment, Storage, ensure_data_dir
from ol_orchestrate.lib.errors import OLDataError
from ol_sandbox.build import TRUTH, Built, Progress
from ol_sandbox.build import build as build_sandbox
from ol_sandbox.dirt import DirtKind
from ol_sandbox.faults.injection import NotBuiltError, inject
from ol_sandbox.faults.kinds import MEANINGS, FaultKind
from ol_sandbox.recipe import SIZES, Recipe
from ol_sandbox.writer import OutputBusyError

_PATIENCE_S = 2.0
_COLUMNS = ("files", "lines", "events", "quarantined", "filtered", "blank")
_BY_REASON = ("quarantined", "filtered")


@click.group()
def group() -> None:
    """The synthetic university: logs and courses made from a seed, dirty on purpose, with the truth known."""


@group.command()
@click.option("--size", type=click.Choice(tuple(SIZES)), default="tiny", show_default=True, help="How much to make.")
@click.option("--seed", type=int, default=1, show_default=True, help="Equal seeds make equal bytes.")
@click.option("--days", type=click.IntRange(min=1), help="Days of logs.  [default: as the size says]")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Directory.  [default: OL_DATA_DIR]")
@click.option(
    "--without",
    "without",
    multiple=True,
    metavar="KIND",
    type=click.Choice(("all", *(kind.value for kind in DirtKind))),
    help="Leave out one kind of dirt, or all of it; may be given again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def build(
    size: str, seed: int, days: int | None, output: Path | None, without: tuple[str, ...], *, as_json: bool
) -> None:
    """Write sources/ and truth.json below the output; again, and nothing changes."""
    started = time.monotonic()
    try:
        environment = Environment.from_environ(os.environ).bucket_name
        recipe = Recipe(seed, size, days or SIZES[size].days, _dirt(without), environment)
        built = build_sandbox(recipe, output or _data_dir(), _progress(started))
    except OLDataError as error:
        raise click.UsageError(error.message) from error
    except (OSError, OutputBusyError) as error:
        raise click.ClickException(f"The sandbox was not built: {error}") from error
    summary = _summary(built, time.monotonic() - started)
    click.echo(json.dumps(summary) if as_json else _table(summary))


def _list_faults(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value:
        click.echo("\n".join(f"{kind:<24}{MEANINGS[kind].meaning}" for kind in FaultKind))
        context.exit()


@group.command("break")
@click.argument("kind", metavar="KIND", type=click.Choice(tuple(kind.value for kind in FaultKind)))
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Directory.  [default: OL_DATA_DIR]")
@click.option("--json", "as_json", is_flag=True, help="Print the fault's record as one JSON object.")
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_list_faults, help="Show the kinds of faults."
)
def break_(kind: str, output: Path | None, *, as_json: bool) -> None:
    """Inject one more fault into a built sandbox, and note it in faults.json; truth.json stays what was true before.

    `olp sandbox build` with the same options puts everything right again.
    """
    try:
        record = inject(FaultKind(kind), output or _data_dir()).record
    except OLDataError as error:
        raise click.UsageError(error.message) from error
    except (OSError, OutputBusyError, NotBuiltError, ValueError) as error:
        raise click.ClickException(f"Nothing was broken: {error}") from error
    click.echo(json.dumps(record) if as_json else _fault(record))


def _fault(record: dict[str, Any]) -> str:
    where = f", line {record['line_number']}" if "line_number" in record else f": {record['detail']}"
    must = f"a reader must quarantine it as {record['reason']}" if record["reason"] else "a reader must say so"
    return f"{record['meaning']}\n{record['path']}{where}\n{must}; repair: {record['repair']}"


def _dirt(without: tuple[str, ...]) -> frozenset[DirtKind]:
    return frozenset(kind for kind in DirtKind if "all" not in without and kind not in without)


def _data_dir() -> Path:
    return ensure_data_dir(Storage.from_environ(os.environ))


def _progress(started: float) -> Progress:
    """Says what is being written, every two seconds once it takes long enough for somebody to wonder."""
    last, files = started, 0

    def show(path: str) -> None:
        nonlocal last, files
        files += 1
        if (now := time.monotonic()) - last > _PATIENCE_S:
            last = now
            click.echo(f"{files} files in {now - started:.0f} s, writing {path}", err=True)

    return show


def _summary(built: Built, seconds: float) -> dict[str, Any]:
    platforms = {name: _counts(platform) for name, platform in built.truth["platforms"].items()}
    return {
        "output": str(built.output),
        "truth": str(built.output / TRUTH),
        **built.truth["recipe"],
        "platforms": platforms,
        "courses": len(built.truth["courses"]),
        "databases": len(built.truth["databases"]),
        "packages": len(built.truth["packages"]),
        "changed": len(built.changed),
        "removed": len(built.removed),
        "seconds": round(seconds, 2),
    }


def _counts(platform: dict[str, Any]) -> dict[str, int]:
    """The line counts of one platform, whatever their reasons."""
    return {name: sum(platform[name].values()) if name in _BY_REASON else platform[name] for name in _COLUMNS}


def _table(summary: dict[str, Any]) -> str:
    header = "".join([f"{'':<12}", *(f"{name:>12}" for name in _COLUMNS)])
    rows = (
        "".join([f"{name:<12}", *(f"{counts[column]:>12,}" for column in _COLUMNS)])
        for name, counts in summary["platforms"].items()
    )
    holdings = f"{summary['courses']} course archives, {summary['databases']} databases, {summary['packages']} packages"
    dirt = f"{len(summary['dirt'])} of {len(DirtKind)} kinds of dirt"
    return "\n".join(
        [
            header,
            *rows,
            f"{holdings}; {dirt}; seed {summary['seed']}",
            f"{summary['changed']} files written, {summary['removed']} removed, in {summary['seconds']} s",
            f"What is true of them: {summary['truth']}",
        ]
    )
