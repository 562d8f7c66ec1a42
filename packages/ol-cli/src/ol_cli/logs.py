"""`olp logs`: tracking logs without Dagster."""

import json
import time
from collections.abc import Iterable
from pathlib import Path

import click

from ol_cli.progress import progress
from ol_orchestrate.lib.errors import ConfigurationError, MalformedInput, OLDataError
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.openedx.tracking_engine import DEFAULT_WORKERS, ReadOptions, TrackingLogReader
from ol_orchestrate.lib.openedx.tracking_landing import FileOutcome, LogDirectory, LogFile, search, stem_of, total


@click.group()
def group() -> None:
    """Tracking logs of Open edX sites."""


@group.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the events."
)
@click.option(
    "--format", "output_format", type=click.Choice(["parquet", "jsonl.gz"]), default="parquet", show_default=True
)
@click.option("--quarantine", type=click.Path(file_okay=False, path_type=Path), help="Default: OUTPUT/quarantine.")
@click.option("--workers", type=click.IntRange(1, 16), default=DEFAULT_WORKERS, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, all else on error.")
def normalize(
    inputs: tuple[Path, ...],
    output: Path,
    output_format: str,
    quarantine: Path | None,
    workers: int,
    *,
    as_json: bool,
) -> None:
    """Normalize log files, or the `*.log*` files below folders, into OUTPUT.

    Outputs mirror the inputs' relative paths. A line that cannot be read goes to quarantine with its reason and does
    not stop the rest. Exit code: 0 every line is accounted for, 1 an input failed, 2 usage or configuration.
    """
    started = time.monotonic()
    files = _files(inputs)
    with TrackingLogReader(ReadOptions(output_format=output_format), workers) as reader:
        reader.expect(max(file.path.stat().st_size for file in files))
        rows = LandingZone((quarantine or output / "quarantine").absolute())
        directory = LogDirectory(LandingZone(output.absolute()), "", rows)
        outcomes, failures = _normalize(directory, files, reader)
    for failure in failures:
        click.echo(f"olp: {failure}", err=True)
    report = _report(outcomes, time.monotonic() - started)
    click.echo(json.dumps(report) if as_json else _summary(report, outcomes, output))
    raise SystemExit(1 if failures else 0)


def _files(inputs: Iterable[Path]) -> list[LogFile]:
    """The logs named, and those below the folders named.

    Raises:
        ConfigurationError: two of them would have the same output, or there are none.
    """
    files = [file for path in inputs for file in (search(path) if path.is_dir() else [_named(path)])]
    keys = [file.stem for file in files]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        message = (
            f"Two inputs would both be written to {twice[0]}: name a folder above both, so that their paths differ."
        )
        raise ConfigurationError(message)
    if not files:
        message = f"No `*.log*` file below {', '.join(map(str, inputs))}: name a folder that holds some, or files."
        raise ConfigurationError(message)
    return files


def _named(path: Path) -> LogFile:
    return LogFile(path.name, stem_of(path.name), path)


def _normalize(
    directory: LogDirectory, files: list[LogFile], reader: TrackingLogReader
) -> tuple[list[FileOutcome], list[str]]:
    """What became of each file, and what failed; one bad file does not keep the others waiting."""
    outcomes: list[FileOutcome] = []
    failures: list[str] = []
    with directory.writing():
        for file in progress(files):
            try:
                outcomes.append(directory.bring_up_to_date(file, reader))
            except OSError as error:
                failures.append(f"Reading {file.key}: {error}. Nothing of it was written.")
            except OLDataError as error:
                failures.append(error.message)
                if not isinstance(error, MalformedInput):  # a full disk or a dead worker: the rest would fare no better
                    break
    failures.extend(outcome.state.damage for outcome in outcomes if outcome.state.damage)
    return outcomes, failures


def _report(outcomes: list[FileOutcome], seconds: float) -> dict[str, object]:
    counts = total(outcomes)
    return {
        "files": len(outcomes),
        "lines": counts.lines,
        "blank": counts.blank,
        "accepted": counts.accepted,
        "quarantined": counts.quarantined,
        "filtered": dict(counts.filtered),
        "reasons": dict(counts.reasons),
        "bytes_in": sum(outcome.state.bytes_in for outcome in outcomes),
        "seconds": round(seconds, 3),
    }


def _summary(report: dict[str, object], outcomes: list[FileOutcome], output: Path) -> str:
    unchanged = sum(not outcome.written for outcome in outcomes)
    return (
        f"{report['files']} files ({unchanged} unchanged), {report['lines']} lines: {report['accepted']} accepted, "
        f"{report['quarantined']} quarantined {report['reasons'] or ''}, filtered {report['filtered'] or 0}, "
        f"{report['blank']} blank, in {report['seconds']} s\nEvents: {output}"
    )
