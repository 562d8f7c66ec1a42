"""`olp olx`: read course archives without Dagster, with the engine the assets use."""

import json
import sys
from pathlib import Path

import click

from ol_orchestrate.lib.errors import OLDataError
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.openedx.olx import CourseExtract, extract_course


@click.group(name="olx")
def group() -> None:
    """Read course archives."""


@group.command()
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, all else on stderr.")
def extract(archive: Path, output: Path, *, as_json: bool) -> None:
    """Write the records of a course or library ARCHIVE (.tar.gz), one file each, to a folder.

    Files of the archive that cannot be read are listed, and the rest is written: that is exit 0. An archive that cannot
    be read as a whole is exit 1, and what the folder held stays as it was.
    """
    try:
        extracted = _extract_to(archive, output)
    except OLDataError as error:
        click.echo(f"olp: {error.message}", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"olp: Cannot extract {archive} to {output}: {error}", err=True)
        sys.exit(1)
    for problem in extracted.errors:
        click.echo(f"{problem.path}: {problem.reason}", err=True)
    click.echo(json.dumps(_summary(extracted), ensure_ascii=False) if as_json else _in_words(extracted, output))


def _extract_to(archive: Path, output: Path) -> CourseExtract:
    with scratch_directory(output) as scratch:
        extracted = extract_course(archive, scratch, source_system="archive")
        for extracted_file in extracted.outputs.values():
            extracted_file.path.replace(output / extracted_file.path.name)
    return extracted


def _summary(extracted: CourseExtract) -> dict[str, object]:
    key = extracted.key
    return {
        "course_key": key.modern,
        "course_key_old": key.old,
        "org": key.org,
        "course": key.course,
        "run": key.run,
        "start": extracted.start,
        "title": extracted.title,
        "counts": dict(extracted.counts),
        "errors": [{"path": error.path, "reason": error.reason} for error in extracted.errors],
    }


def _in_words(extracted: CourseExtract, output: Path) -> str:
    counts = ", ".join(f"{count} {block_type}" for block_type, count in extracted.counts.items())
    rows = "\n".join(f"{file.rows:>9,} rows  {output / file.path.name}" for file in extracted.outputs.values())
    return f"{extracted.key} {extracted.title or ''}\n{counts}; {len(extracted.errors)} not read\n{rows}"
