"""`olp parity`: do both engines give the same answers?"""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

import click

from lakehouse import manifest as dbt_manifest
from lakehouse.settings import Settings
from ol_cli.parity_build import Warehouses, selected_names
from ol_cli.parity_built import fingerprints
from ol_cli.parity_engines import open_duckdb, open_trino
from ol_cli.parity_models import Model, models_of, read_manifest
from ol_cli.parity_report import Report, in_words
from ol_cli.parity_run import compare_model
from ol_orchestrate.lib.errors import SourceUnavailable
from ol_orchestrate.lib.trino_stack import TrinoStack, read_stack

DIFFERENT, NOT_AVAILABLE = 1, 3


@click.command("parity", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--models", "selection", metavar="SELECT", help="Only these, in dbt's selection syntax.  [default: all]")
@click.option("--build", "rebuild", is_flag=True, help="Build both from nothing, also when all models are there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, all else on stderr.")
def group(selection: str | None, *, rebuild: bool, as_json: bool) -> None:
    """Compare every model on DuckDB with the same model on Trino: columns, types, rows, values.

    What is missing in either warehouse is loaded and built first, and so is what was built of other SQL or of other
    rows than there are now. Exit code 0 when all are equal, 1 when one differs, 3 when the stack of this machine
    (`bin/trino start`) or the warehouse is not available.
    """
    try:
        report = _compare(selection, rebuild=rebuild, as_json=as_json)
    except SourceUnavailable as error:
        _not_available(error.message)
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False, allow_nan=False))
    else:
        _conclude(report)
    sys.exit(0 if report.equal else DIFFERENT)


def _compare(selection: str | None, *, rebuild: bool, as_json: bool) -> Report:
    settings = Settings.from_environ(os.environ)
    stack = read_stack(settings.storage.data_dir)
    if stack is None:
        _not_available("Trino does not run, so nothing was compared. Type `bin/trino start`, then this again.")
    dbt_manifest.build(os.environ)
    names = selected_names(settings.dbt_project_dir, selection) if selection else None
    manifest = read_manifest(settings.dbt_project_dir)
    models = models_of(manifest, names)
    warehouses = Warehouses(settings, stack, lambda line: click.echo(line, err=True))
    warehouses.make_comparable(models, fingerprints(manifest), rebuild=rebuild)
    return _compared(models, warehouses, stack, as_json=as_json)


def _compared(models: Sequence[Model], warehouses: Warehouses, stack: TrinoStack, *, as_json: bool) -> Report:
    """Model by model, each said as soon as it is done."""
    started = time.monotonic()
    with open_duckdb(warehouses.settings.storage.warehouse_path) as duckdb, open_trino(stack) as trino:
        report = Report({engine.name: engine.version for engine in (duckdb, trino)}, seconds=warehouses.seconds)
        for model in models:
            found = compare_model(model, (duckdb, trino))
            report.models.append(found)
            for line in in_words(found):
                click.echo(line, err=as_json)
    report.seconds["compare"] = time.monotonic() - started
    return report


def _conclude(report: Report) -> None:
    different = sum(not model.equal for model in report.models)
    engines = " and ".join(f"{name} {version}" for name, version in report.engines.items())
    verdict = (
        f"{different} of {len(report.models)} models differ" if different else f"{len(report.models)} models equal"
    )
    seconds = ", ".join(f"{name} {taken:.1f} s" for name, taken in report.seconds.items())
    click.echo(f"{verdict} on {engines} ({seconds})")


def _not_available(message: str) -> NoReturn:
    click.echo(f"olp: {message}", err=True)
    sys.exit(NOT_AVAILABLE)
