"""The demo from beginning to end."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from edxorg.definitions import defs as edxorg
from lakehouse.definitions import defs as lakehouse
from lakehouse.settings import Settings as LakehouseSettings
from ol_cli import demo_inputs, demo_summary
from ol_cli.demo_inputs import CourseArchive
from ol_cli.demo_steps import (
    Platform,
    StepFailed,
    build_warehouse,
    delivered_days,
    extract_course,
    land_course,
    normalize,
    normalize_edxorg,
    open_instance,
    outputs_of,
    register_edxorg_logs,
)
from ol_cli.demo_summary import Summary
from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.openedx.deployments import Deployment, Deployments, load_deployments
from ol_sandbox.build import build as build_sandbox
from ol_sandbox.build import recipe_of
from ol_sandbox.recipe import SIZES, Recipe
from openedx.definitions import defs as openedx


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read: a person's folders where given, else the sandbox. `site` is whose the given files are."""

    logs: Path | None
    courses: Path | None
    site: str
    size: str
    seed: int


def run(storage: Storage, wanted: Wanted, console: Console) -> Summary:
    """Make or take the inputs, run every step, and gather the figures.

    Raises:
        ConfigurationError: there is no such site, or a given folder holds nothing to read.
        StepFailed: the warehouse could not be built; what ran before it stays.
    """
    deployments = load_deployments(os.environ)
    summary, started = Summary(), time.monotonic()
    before = outputs_of(storage)
    with _Steps(console, summary) as steps:
        archives = _inputs(steps, storage, deployments, wanted)
        with open_instance(storage, os.environ) as instance:
            platform = Platform(instance, storage, openedx, edxorg, lakehouse)
            _run_logs(steps, platform, deployments)
            _run_courses(steps, platform, archives)
            for _ in steps.over("load, build, test", [None]):
                build_warehouse(platform, LakehouseSettings.from_environ(os.environ))
    summary.objects_written = sum(before.get(path) != state for path, state in outputs_of(storage).items())
    _gather(summary, storage, deployments)
    summary.seconds = round(time.monotonic() - started, 1)
    return summary


class _Steps:
    """A line of progress for each step, and its seconds in the summary."""

    def __init__(self, console: Console, summary: Summary) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, TimeElapsedColumn(), console=console)
        self._summary = summary

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def over[T](self, name: str, items: list[T]) -> Iterator[T]:
        """The items, counted as they are done."""
        if items:
            with self._timed(name):
                yield from self._progress.track(items, description=name)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Keep a failed run for the summary: one damaged file is no reason to show nothing of the others."""
        try:
            yield
        except StepFailed as failure:
            self._summary.failures.append(failure.message)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._summary.steps_seconds[name] = round(time.monotonic() - started, 1)


def _inputs(steps: _Steps, storage: Storage, deployments: Deployments, wanted: Wanted) -> list[CourseArchive]:
    site = _site(deployments, wanted.site)
    for part in steps.over("build the sandbox", _sandbox_parts(wanted)):
        _build_sandbox(storage, wanted, part)
    for folder in steps.over("take your logs", [wanted.logs] if wanted.logs else []):
        demo_inputs.stage_logs(folder, site, storage)
    if wanted.courses:
        return list(demo_inputs.given_archives(wanted.courses, site))
    return list(demo_inputs.exported_archives(storage, deployments))


def _site(deployments: Deployments, name: str) -> Deployment:
    for site in deployments.sites:
        if site.name == name:
            return site
    message = f"--site is {name!r}; the sites are {', '.join(site.name for site in deployments.sites)}."
    raise ConfigurationError(message)


def _sandbox_parts(wanted: Wanted) -> list[str]:
    """What is needed of the sandbox: all of it, its courses alone, its logs alone, or nothing."""
    match wanted.logs, wanted.courses:
        case None, None:
            return ["*"]
        case _, None:
            return [demo_inputs.COURSE_EXPORTS]
        case None, _:
            return ["*-*-edxapp-tracking"]
        case _:
            return []


def _build_sandbox(storage: Storage, wanted: Wanted, part: str) -> None:
    days, environment = SIZES[wanted.size].days, storage.environment.bucket_name
    recipe = Recipe(wanted.seed, wanted.size, days, environment=environment)
    if part == "*":
        # Once built it is the reader's to play with: a line changed there must not be changed back.
        truth = storage.data_dir / "truth.json"
        if not truth.is_file() or recipe_of(truth) != recipe.as_json():
            build_sandbox(recipe, storage.data_dir)
        return
    with scratch_directory() as scratch:
        build_sandbox(recipe, scratch)
        for bucket in (scratch / "sources").glob(part):
            shutil.copytree(bucket, storage.data_dir / "sources" / bucket.name, dirs_exist_ok=True)


def _run_logs(steps: _Steps, platform: Platform, deployments: Deployments) -> None:
    days = [
        (site.tracking_logs, day)
        for site in deployments.sites
        for day in delivered_days(site.tracking_logs, platform.storage)
    ]
    for source, day in steps.over("normalize logs", days):
        with steps.going_on():
            normalize(platform, source, day)
    for name in steps.over("edX.org logs", register_edxorg_logs(platform)):
        with steps.going_on():
            normalize_edxorg(platform, name)


def _run_courses(steps: _Steps, platform: Platform, archives: list[CourseArchive]) -> None:
    for archive in steps.over("read courses", archives):
        land_course(platform, archive)
        with steps.going_on():
            extract_course(platform, archive)


def _gather(summary: Summary, storage: Storage, deployments: Deployments) -> None:
    places = [
        (LandingZone(storage.bucket_uri(site.tracking_logs.bucket)), site.tracking_logs.valid_prefix)
        for site in deployments.sites
    ]
    demo_summary.add_logs(summary, [*places, (LandingZone(storage.landing_uri), "edxorg/raw_data/tracking_logs")])
    demo_summary.add_dbt(summary, storage.data_dir / "dbt")
    demo_summary.add_marts(summary, storage)
