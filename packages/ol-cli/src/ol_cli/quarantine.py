"""`olp quarantine`: what could not be read, why, and another try."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import click

from ol_orchestrate.lib import quarantine
from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.errors import ConfigurationError, OLDataError
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.object_store import Place
from ol_orchestrate.lib.openedx.tracking_engine import ReadOptions
from ol_orchestrate.lib.openedx.tracking_replay import ReplayOutcome, log_directory
from ol_orchestrate.lib.openedx.tracking_replay import replay as replay_logs

DEFAULT_RETENTION_DAYS = 90
_DAY_S = 86_400
_SHOWN_CHARACTERS = 300


@click.group()
def group() -> None:
    """Rows that could not be read.

    PLACE is a quarantine folder, anything above one, or one file of it; by default the quarantine below OL_DATA_DIR.
    """


@group.command("list")
@click.argument("place", required=False)
def list_(place: str | None) -> None:
    """Count the rows of every source by reason."""
    total: Counter[str] = Counter()
    for path in quarantine.files(_root(place)):
        reasons = Counter(row.reason for row in _rows(path))
        total += reasons
        click.echo(f"{reasons.total():>8}  {path}  {_words(reasons)}")
    click.echo(f"{total.total():>8}  in all  {_words(total)}")


@group.command()
@click.argument("place", required=False)
@click.option("--reason", help="Only rows refused for this reason.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Rows at most.")
def show(place: str | None, reason: str | None, limit: int) -> None:
    """Print rows: where they were, why they were refused, and how they begin."""
    found = (row for path in quarantine.files(_root(place)) for row in _rows(path))
    wanted = (row for row in found if reason in (None, row.reason))
    shown = 0
    for row in islice(wanted, limit):
        shown += 1
        text = row.bytes.decode(errors="backslashreplace")
        cut = "…" if len(text) > _SHOWN_CHARACTERS or len(row.bytes) < row.length_bytes else ""
        click.echo(f"{row.source}:{row.line_number} (byte {row.byte_offset}) {row.reason}, parser {row.parser_version}")
        click.echo(f"    {text[:_SHOWN_CHARACTERS]!r}{cut}")
    if not shown:
        click.echo("No such row in quarantine.")


@group.command()
@click.argument("place", required=False)
def replay(place: str | None) -> None:
    """Read the rows again; those that can be read now land once and leave quarantine.

    Exit code 1 when a quarantine folder could not be replayed; the others are all the same.
    """
    landed = kept = failed = 0
    for folder in _quarantine_folders(_root(place)):
        try:
            for outcome in _replayed(folder):
                landed, kept = landed + outcome.landed, kept + outcome.kept
                click.echo(
                    f"{outcome.source}: {outcome.landed} landed, {outcome.filtered} filtered, {outcome.kept} kept"
                )
        except OLDataError as error:
            failed += 1
            click.echo(f"olp: {error.message}", err=True)
    click.echo(f"{landed} rows landed, {kept} stay in quarantine." + f" {failed} folders failed." * bool(failed))
    raise SystemExit(1 if failed else 0)


def _quarantine_folders(root: Place) -> list[Place]:
    """The folders to replay.

    Raises:
        ConfigurationError: there are rows, but nothing that says where they belong.
    """
    folders = quarantine.directories(root)
    if not folders and quarantine.files(root):
        message = (
            f"Replaying {root}: no {quarantine.DESCRIPTOR} there or below, which says where rows go. "
            "Name the quarantine folder that holds one, or a folder above it."
        )
        raise ConfigurationError(message)
    return folders


def _replayed(folder: Place) -> Iterator[ReplayOutcome]:
    descriptor = quarantine.read_descriptor(folder)
    directory = log_directory(LandingZone(str(folder)), descriptor)
    yield from replay_logs(directory, ReadOptions(output_format=descriptor.output_format))


@group.command()
@click.argument("place", required=False)
@click.option("--days", type=click.IntRange(0), help="Age in days.  [default: OL_QUARANTINE_RETENTION_DAYS, else 90]")
def expire(place: str | None, days: int | None) -> None:
    """Remove quarantine files not written for so many days."""
    age_days = _retention_days() if days is None else days
    gone = quarantine.expire(_root(place), age_days * _DAY_S, time.time())
    for path in gone:
        click.echo(f"removed {path}")
    click.echo(f"{len(gone)} files older than {age_days} days removed.")


def _root(place: str | None) -> Place:
    root = LandingZone(place or Storage.from_environ(os.environ).quarantine_uri).root
    if place and not root.exists():
        message = f"There is no {place}: name a quarantine folder, or leave it out to look below OL_DATA_DIR."
        raise ConfigurationError(message)
    return root.absolute()


def _retention_days() -> int:
    text = os.environ.get("OL_QUARANTINE_RETENTION_DAYS") or str(DEFAULT_RETENTION_DAYS)
    if not text.isdecimal():
        message = f"OL_QUARANTINE_RETENTION_DAYS is {text!r}; it must be a whole number of days."
        raise ConfigurationError(message)
    return int(text)


def _rows(path: Place) -> Iterator[quarantine.QuarantinedRow]:
    with path.open("rb") as lines:
        yield from quarantine.read_rows(lines, str(path))


def _words(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
