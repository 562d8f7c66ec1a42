"""Builds the sandbox: decides, counts, then writes."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ol_sandbox import olx
from ol_sandbox.business.answers import answers
from ol_sandbox.business.identities import retired_persons
from ol_sandbox.business.institution import Institution
from ol_sandbox.databases.delivery import Delivery
from ol_sandbox.delivery import LogFile, log_files
from ol_sandbox.dirt import DirtKind
from ol_sandbox.edxorg.delivery import EdxOrg
from ol_sandbox.edxorg.structure import course_blocks
from ol_sandbox.platforms import Platform
from ol_sandbox.recipe import Recipe
from ol_sandbox.registry import Registry
from ol_sandbox.tracking import encode
from ol_sandbox.truth import Truth
from ol_sandbox.writer import SandboxWriter, write_gzip_lines

TRUTH = "truth.json"

type Progress = Callable[[str], None]
"""Called with each path, relative to the output, before it is written."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did.

    Attributes:
        output: Where.
        truth: The content of truth.json.
        changed: Paths whose bytes are new, relative to the output.
        removed: Paths an earlier build left and this one took away.
    """

    output: Path
    truth: dict[str, Any]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def build(recipe: Recipe, output: Path, progress: Progress = lambda _path: None) -> Built:
    """Write the institution of a recipe below `output`; equal content for an equal recipe, wherever and whenever.

    Files go to `sources/`, the counts to `truth.json`, which is written last: while it is missing, the sandbox is not
    complete. Files whose bytes do not change are left alone. Memory holds the institution, and one log day of one
    platform. What faults broke is whole again.

    Raises:
        OutputBusyError: Another build writes there.
        OSError: The output cannot be written.
    """
    registry = Registry.build(recipe)
    institution, truth = Institution.build(registry), Truth(registry.platforms)
    with SandboxWriter.open(output) as writer:
        _withdraw_other_truth(writer, recipe)
        databases = Delivery(writer, institution, truth, progress)
        with EdxOrg.watching(writer, institution, truth, progress) as edxorg:
            for platform in registry.platforms:
                _write_platform(writer, databases, edxorg, platform, progress)
        _write_courses(writer, registry, truth, progress)
        _write_blocks(writer, institution, truth, progress)
        databases.applications(edxorg.engagement)
        _count_business(institution, truth)
        content = truth.as_json(recipe.as_json())
        progress(TRUTH)
        with writer.place(TRUTH) as file:
            file.write(f"{json.dumps(content, indent=1)}\n".encode())
    return Built(output, content, tuple(writer.changed), tuple(writer.removed))


def _write_platform(
    writer: SandboxWriter, databases: Delivery, edxorg: EdxOrg, platform: Platform, progress: Progress
) -> None:
    """The logs of a platform, day by day, and all that grows from what they tell of: a database, or weekly packages."""
    registry, truth = databases.institution.registry, databases.truth
    is_ours = platform.name != "edxorg"
    with databases.site(platform.name) if is_ours else nullcontext(edxorg) as onlooker:
        for log_file in log_files(registry, platform, onlooker.observe):
            truth.add_log_file(log_file)
            _write_log_file(writer, log_file, progress)
            if not is_ours:
                edxorg.end_day(log_file.day)


def _count_business(institution: Institution, truth: Truth) -> None:
    for platform in institution.registry.platforms:
        retired = retired_persons(institution.registry, platform.name)
        truth.dirt[platform.name][DirtKind.RETIRED_USER] += len(retired)
    truth.answers = answers(institution, {name: counted.course_days() for name, counted in truth.platforms.items()})


def _withdraw_other_truth(writer: SandboxWriter, recipe: Recipe) -> None:
    """A truth must not stand beside the files of another recipe, not even while they are being replaced."""
    place = writer.output / TRUTH
    if place.exists() and recipe_of(place) != recipe.as_json():
        writer.remove(TRUTH)


def recipe_of(truth: Path) -> object:
    """The recipe a truth.json was counted for; None when the file cannot be read."""
    try:
        content = json.loads(truth.read_bytes())
    except ValueError:
        return None
    return content.get("recipe") if isinstance(content, dict) else None


def _write_log_file(writer: SandboxWriter, log_file: LogFile, progress: Progress) -> None:
    for path in log_file.paths:
        progress(f"sources/{path}")
        with writer.place(f"sources/{path}") as file:
            write_gzip_lines(
                file,
                (encode(line) for line in log_file.lines),
                final_newline=DirtKind.NO_FINAL_NEWLINE not in log_file.dirt,
                members=DirtKind.GZIP_MEMBERS in log_file.dirt,
            )


def _write_courses(writer: SandboxWriter, registry: Registry, truth: Truth, progress: Progress) -> None:
    """One archive each; the last one has a broken member."""
    recipe, runs = registry.recipe, registry.exported_runs
    for run in runs:
        is_broken = run is runs[-1] and DirtKind.BROKEN_MEMBER in recipe.dirt
        broken = (olx.broken_member(run),) if is_broken else ()
        path = olx.archive_path(run)
        truth.add_course(run, path, broken)
        progress(f"sources/{path}")
        with writer.place(f"sources/{path}") as file:
            olx.write_archive(file, recipe.seed, run, broken)


def _write_blocks(writer: SandboxWriter, institution: Institution, truth: Truth, progress: Progress) -> None:
    """What each site's blocks API answers for each of its runs."""
    hosts = {platform.name: platform.host for platform in institution.registry.platforms if platform.name != "edxorg"}
    for term in institution.terms:
        if term.platform in hosts:
            path = f"sources/openedx-api/{term.platform}/blocks/{quote(term.course_id, safe='')}.json"
            document = course_blocks(term, hosts[term.platform])
            truth.add_blocks(path, term.platform, term.course_id, len(document["blocks"]))
            progress(path)
            with writer.place(path) as file:
                file.write(json.dumps(document).encode())
