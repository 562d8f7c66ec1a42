"""What the demo reads: the sandbox, or a person's own files, put where a site would have delivered them."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.errors import ConfigurationError, MalformedInput
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.openedx.course_id import CourseKey
from ol_orchestrate.lib.openedx.deployments import Deployment, Deployments
from ol_orchestrate.lib.openedx.olx import extract_course
from ol_orchestrate.lib.openedx.tracking_landing import search

COURSE_EXPORTS = "course-exports"
"""Bucket of course archives: a folder for each site, archives named by their percent-encoded course id."""

_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)-?(\d\d)-?(\d\d)(?!\d)")  # not the digits of an epoch
_ARCHIVE_SUFFIX = ".tar.gz"


@dataclass(frozen=True, slots=True)
class CourseArchive:
    """An archive, and the run it is of."""

    site: Deployment
    course_id: str
    path: Path


def stage_logs(folder: Path, site: Deployment, storage: Storage) -> int:
    """Deliver a person's logs to a site's bucket, each under a day, and say how many.

    The day is the one in the file's name, else that of its last change, and one there can be a run for in any case.
    What an earlier call delivered is taken back first. Files are linked where the file system can, else copied.
    """
    source = site.tracking_logs
    delivered = local_path(storage.bucket_uri(source.bucket)) / source.prefix / "given"
    shutil.rmtree(delivered, ignore_errors=True)
    files = search(folder)
    for file in files:
        path = folder / file.key
        target = delivered / _day_of(path, source.start_date(storage.environment).isoformat()) / file.key
        target.parent.mkdir(parents=True, exist_ok=True)
        _link_or_copy(path, target)
    return len(files)


def days_in(text: str) -> set[str]:
    """The dates a path holds, as `YYYY-MM-DD`, however they are spelled there."""
    return {"-".join(found) for found in _DAY.findall(text) if _is_date("-".join(found))}


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _day_of(path: Path, first: str) -> str:
    changed = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC).date().isoformat()
    day = min(days_in(path.name), default=changed)
    return max(first, min(day, last_whole_day()))


def last_whole_day() -> str:
    """Yesterday in UTC, as `YYYY-MM-DD`: the last day there can be a run for."""
    return (datetime.now(UTC).date() - timedelta(days=1)).isoformat()


def _link_or_copy(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def given_archives(folder: Path, site: Deployment) -> Iterator[CourseArchive]:
    """The course archives below a person's folder, all of them taken for one site's.

    Raises:
        ConfigurationError: there is none.
    """
    found = False
    for path in sorted(folder.rglob(f"*{_ARCHIVE_SUFFIX}")):
        if course_id := _course_id_of(path):
            found = True
            yield CourseArchive(site, course_id, path)
    if not found:
        message = f"No course archive (`*{_ARCHIVE_SUFFIX}`) below {folder}: name a folder that holds some."
        raise ConfigurationError(message)


def exported_archives(storage: Storage, deployments: Deployments) -> Iterator[CourseArchive]:
    """The archives that the sites have exported."""
    root = local_path(storage.bucket_uri(COURSE_EXPORTS))
    for site in deployments.sites:
        for path in sorted((root / site.name).glob(f"*{_ARCHIVE_SUFFIX}")):
            yield CourseArchive(site, unquote(path.name.removesuffix(_ARCHIVE_SUFFIX)), path)


def _course_id_of(path: Path) -> str | None:
    """The run in the file's name, else the one the archive says it is; None for a library and for what is no course."""
    name = unquote(path.name.removesuffix(_ARCHIVE_SUFFIX))
    try:
        key = CourseKey.parse(name)
    except MalformedInput:
        try:
            with scratch_directory() as scratch:
                key = extract_course(path, scratch, source_system="").key
        except MalformedInput:
            return None
    return None if key.is_library else str(key)


def local_path(uri: str) -> Path:
    """The folder behind a `file://` address."""
    return Path(uri.removeprefix("file://"))
