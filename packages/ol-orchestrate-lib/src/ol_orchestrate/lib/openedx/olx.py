"""A course archive (OLX) in, the records of the course out.

One streaming pass, nothing unpacked to disk, memory bounded by the number of blocks. What cannot be read costs itself
only and is reported; an archive that is damaged as a whole is refused: half a course must not pass for the course.
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import IO

import msgspec

from ol_orchestrate.lib.files import naming_full_disk
from ol_orchestrate.lib.openedx.course_id import CourseKey
from ol_orchestrate.lib.openedx.olx_archive import ArchiveLimits, open_archive
from ol_orchestrate.lib.openedx.olx_course import CourseSource, course_source, file_element
from ol_orchestrate.lib.openedx.olx_files import CourseFiles, CourseFilesReader, MemberError
from ol_orchestrate.lib.openedx.olx_outline import OutlineRow, outline_rows
from ol_orchestrate.lib.openedx.olx_policy import course_policy_rows, grading_row, signatory_rows
from ol_orchestrate.lib.openedx.olx_records import block_lines, course_metadata, video_rows

PARSER_VERSION = "olx/1"
"""Part of the version of every output: raise it when the same archive gives other records."""

COUNTED_TYPES = ("chapter", "sequential", "vertical", "problem", "video", "html")


class Noun(StrEnum):
    """The outputs of one archive, each a file of JSON lines; the metadata is one JSON document."""

    COURSE_METADATA = "course_metadata"
    COURSE_VIDEO = "course_video"
    COURSE_POLICY = "course_policy"
    COURSE_GRADING_POLICY = "course_grading_policy"
    COURSE_CERTIFICATE_SIGNATORY = "course_certificate_signatory"
    COURSE_XML_BLOCKS = "course_xml_blocks"
    COURSE_OUTLINE = "course_outline"

    @property
    def extension(self) -> str:
        """Of its file, with the dot."""
        return ".json" if self is Noun.COURSE_METADATA else ".jsonl"


@dataclass(frozen=True, slots=True)
class Extracted:
    """One output: a local file, owned by the caller, and its rows."""

    path: Path
    rows: int


@dataclass(frozen=True, slots=True)
class CourseExtract:
    """What became of one archive.

    Attributes:
        key: The run that all records carry.
        archive_key: The run the archive says it is, None when it does not say.
        title: Of the course.
        start: As the author wrote it, the policy's if it has one.
        counts: Blocks that can be reached from the root, by each of `COUNTED_TYPES`.
        outputs: Every noun, whether it has rows or not.
        errors: What could not be read, in the order it was met.
    """

    key: CourseKey
    archive_key: CourseKey | None
    title: str | None
    start: str | None
    counts: Mapping[str, int]
    outputs: Mapping[Noun, Extracted]
    errors: tuple[MemberError, ...]


def extract_course(
    archive: Path,
    directory: Path,
    *,
    source_system: str,
    course_id: str | None = None,
    limits: ArchiveLimits | None = None,
) -> CourseExtract:
    """Write the records of an archive to `directory`, one file for each noun.

    The same archive and arguments give the same bytes. Memory: some 20 MiB above an idle interpreter for 5,000 blocks,
    whatever else the archive holds. Disk: twice the XML of the blocks for a moment.

    Args:
        archive: A `.tar.gz` or tar of a course or a library.
        directory: An existing directory of the caller's; files of the same names are replaced.
        source_system: Written to each block: the site the archive is from.
        course_id: The run, when it is known from elsewhere: Studio often writes `course` for the run.
        limits: What the archive may ask of us at most.

    Raises:
        MalformedInput: The archive as a whole cannot be read, or it is not known which run it is.
        StorageFull: `directory` has no room.
        OSError: A file cannot be read or written.
    """
    limits = limits or ArchiveLimits()
    with naming_full_disk(directory), tempfile.TemporaryFile(dir=directory) as spool:
        with open_archive(archive, limits) as members:
            files = CourseFilesReader(members, spool, limits).read()
        source = course_source(files, course_id=course_id, source=str(archive))
        spool.seek(0)
        return _write(files, source, source_system, spool, directory)


def _write(
    files: CourseFiles, source: CourseSource, source_system: str, spool: IO[bytes], directory: Path
) -> CourseExtract:
    course, policy, folder = source.course, source.policy, source.folder
    course_id = str(course.key)
    counts: Counter[str] = Counter()
    rows: dict[Noun, Iterable[object]] = {
        Noun.COURSE_METADATA: [course_metadata(course)],
        Noun.COURSE_OUTLINE: _outline(files, source, counts),
        Noun.COURSE_VIDEO: video_rows(course_id, files, folder, policy),
        Noun.COURSE_POLICY: course_policy_rows(course_id, policy),
        Noun.COURSE_CERTIFICATE_SIGNATORY: signatory_rows(course_id, policy),
        Noun.COURSE_GRADING_POLICY: [] if source.grading is None else [grading_row(course_id, source.grading)],
    }
    lines: dict[Noun, Iterable[bytes]] = {noun: map(_json_line, rows[noun]) for noun in rows}
    lines[Noun.COURSE_XML_BLOCKS] = block_lines(course_id, source_system, files, folder, policy, spool)
    outputs = {noun: _write_lines(directory / f"{noun}{noun.extension}", lines[noun]) for noun in Noun}
    return CourseExtract(
        key=course.key,
        archive_key=course.archive_key,
        title=course.title,
        start=course.text("start"),
        counts={block_type: counts[block_type] for block_type in COUNTED_TYPES},
        outputs=outputs,
        errors=tuple(files.errors),
    )


def _outline(files: CourseFiles, source: CourseSource, counts: Counter[str]) -> Iterator[OutlineRow]:
    find = partial(file_element, files, source.folder)
    for row in outline_rows(source.course.key, source.root, find, source.policy):
        counts[row.type] += 1
        yield row


def _json_line(row: object) -> bytes:
    return msgspec.json.encode(row) + b"\n"


def _write_lines(path: Path, lines: Iterable[bytes]) -> Extracted:
    count = 0
    with path.open("wb") as file:
        for line in lines:
            file.write(line)
            count += 1
    return Extracted(path, count)
