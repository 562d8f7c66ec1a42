"""Builds the sandbox: decides, counts, then writes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ol_sandbox import olx
from ol_sandbox.delivery import LogFile, log_files
from ol_sandbox.dirt import DirtKind
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
    """Write the institution of a recipe below `output`; equal bytes for an equal recipe, wherever and whenever.

    Files go to `sources/`, the counts to `truth.json`, which is written last: while it is missing, the sandbox is not
    complete. Files whose bytes do not change are left alone. Memory holds one log day of one platform.

    Raises:
        OutputBusyError: Another build writes there.
        OSError: The output cannot be written.
    """
    registry = Registry.build(recipe)
    truth = Truth(registry.platforms)
    with SandboxWriter.open(output) as writer:
        _withdraw_other_truth(writer, recipe)
        for platform in registry.platforms:
            for log_file in log_files(registry, platform):
                truth.add_log_file(log_file)
                _write_log_file(writer, log_file, progress)
        _write_courses(writer, registry, truth, progress)
        content = truth.as_json(recipe.as_json())
        progress(TRUTH)
        with writer.place(TRUTH) as file:
            file.write(f"{json.dumps(content, indent=1)}\n".encode())
    return Built(output, content, tuple(writer.changed), tuple(writer.removed))


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
