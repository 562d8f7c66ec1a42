"""`olp demo`: the whole path on this machine, from delivered files to tested marts. `bin/demo` runs it."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ol_cli import demo_summary
from ol_orchestrate.lib.environment import Storage, ensure_data_dir
from ol_orchestrate.lib.errors import ConfigurationError
from ol_sandbox.recipe import SIZES

WRITTEN = (
    "sources",
    "truth.json",
    "faults.json",
    ".sandbox",
    "landing",
    "quarantine",
    "warehouse",
    "dbt",
    "dagster",
    "values",
    "demo",
)
"""What the demo and the platform write below OL_DATA_DIR."""

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("demo")
@click.option("--logs", type=_FOLDER, help="Your own tracking logs instead of invented ones.")
@click.option("--courses", type=_FOLDER, help="Your own course archives instead of invented ones.")
@click.option("--site", default="mitxonline", show_default=True, help="The site your own files are taken for.")
@click.option("--size", type=click.Choice(tuple(SIZES)), default="small", show_default=True, help="Of the university.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the invented university.")
@click.option("--clean", is_flag=True, help="Remove everything the demo wrote, and do nothing else.")
def group(logs: Path | None, courses: Path | None, site: str, size: str, seed: int, *, clean: bool) -> None:
    """Build a small university, run the platform on it, and say what came of it.

    Again, and only what has changed is done again. Exit code: 0 every input was read to its end, 1 one was damaged (the
    others are done), 2 usage or configuration.
    """
    storage = Storage.from_environ(os.environ)
    if not storage.environment.is_local:
        message = f"The demo writes to a folder, but DAGSTER_ENV is {storage.environment}. Unset it."
        raise ConfigurationError(message)
    if clean:
        _clean(storage)
        return
    ensure_data_dir(storage)
    # The definitions take seconds to load, and --help and --clean need none of them.
    from ol_cli.demo_run import Wanted, run

    summary = run(storage, Wanted(logs, courses, site, size, seed), Console(stderr=True))
    path = storage.data_dir / "demo" / "summary.json"
    demo_summary.write(summary, path)
    _show(demo_summary.rows(summary), storage, path)
    for failure in summary.failures:
        click.echo(f"olp: {failure}", err=True)
    raise SystemExit(1 if summary.failures else 0)


def _clean(storage: Storage) -> None:
    """Remove what was written, and the folder itself when nothing else is in it."""
    for name in WRITTEN:
        path = storage.data_dir / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    marker = storage.data_dir / "FORMAT"
    if storage.data_dir.is_dir() and set(storage.data_dir.iterdir()) <= {marker}:
        shutil.rmtree(storage.data_dir)
    click.echo(f"Removed what the demo wrote below {storage.data_dir}.")


def _show(rows: Mapping[str, str], storage: Storage, path: Path) -> None:
    table = Table(title="What came of it", show_header=False)
    for name, text in rows.items():
        table.add_row(name, text)
    Console().print(table)
    click.echo(f"The same figures: {path}")
    click.echo(f"The marts:        duckdb -readonly {storage.published_path}   (schema mart)")
    click.echo("Bad rows:         .venv/bin/olp quarantine list")
    click.echo("The UI:           bin/demo --serve")
