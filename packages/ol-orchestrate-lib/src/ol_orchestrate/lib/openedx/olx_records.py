"""Records of a course that are one object, or one row per file: metadata, videos, XML blocks.

The policy overrides what the XML says, in every column that names an attribute.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from ol_orchestrate.lib.openedx.olx_course import Course
from ol_orchestrate.lib.openedx.olx_files import CourseFiles
from ol_orchestrate.lib.openedx.olx_policy import Policy, yes_or_no
from ol_orchestrate.lib.openedx.olx_xml import plain_text

_NOT_BLOCK_FOLDERS = frozenset({"course", "roots"})
_POLICY_COLUMNS = {
    "display_name": "block_display_name",
    "edx_video_id": "edx_video_id",
    "max_attempts": "max_attempts",
    "weight": "weight",
    "markdown": "markdown",
}


def course_metadata(course: Course) -> dict[str, object]:
    """One object per archive.

    `institution`, `course_number` and `semester` are the parts of `course_id`; `archive_course_id` is what the archive
    says of itself, which knows less of the run.
    """
    return {
        "course_id": str(course.key),
        "archive_course_id": str(course.archive_key) if course.archive_key else None,
        "institution": course.key.org,
        "course_number": course.key.course,
        "semester": course.key.run,
        "title": course.title,
        "course_start": course.text("start"),
        "course_end": course.text("end"),
        "enrollment_start": course.text("enrollment_start"),
        "enrollment_end": course.text("enrollment_end"),
        "instructor_info": course.text("instructor_info"),
        "self_paced": yes_or_no(course.attributes.get("self_paced")),
    }


def video_rows(course_id: str, files: CourseFiles, folder: str, policy: Policy) -> Iterator[dict[str, object]]:
    """One row per file under `video/`, in the order of the archive; `duration` in seconds, as text."""
    for path, facts in files.videos.items():
        placed = _placed(files, path, folder)
        if placed and placed[0] == "video":
            override = plain_text(policy.of(*placed).get("edx_video_id"))
            yield {
                "course_id": course_id,
                "video_block_id": placed[1],
                "edx_video_id": override or facts.edx_video_id,
                "duration": facts.duration,
            }


def block_lines(
    course_id: str, source_system: str, files: CourseFiles, folder: str, policy: Policy, spool: Iterable[bytes]
) -> Iterator[bytes]:
    """One JSON line per XML file of a block, in the order of the archive: the spooled line, and what only now is known.

    Files of blocks that nothing points to are there too; the outline tells them apart.
    """
    paths = {number: path for path, number in files.spooled.items()}
    for number, line in enumerate(spool):
        placed = _placed(files, paths[number], folder) if number in paths else None
        if placed is None:
            continue
        block_type, block_id = placed
        known = {
            "course_id": course_id,
            "source_system": source_system,
            "block_id": block_id,
            "block_type": block_type,
        }
        override = policy.of(block_type, block_id)
        yield msgspec.json.encode(known)[:-1] + b"," + (_overridden(line, override) if override else line)[1:]


def _overridden(line: bytes, override: Mapping[str, object]) -> bytes:
    record = msgspec.json.decode(line)
    for attribute, column in _POLICY_COLUMNS.items():
        if (value := plain_text(override.get(attribute))) is not None:
            record[column] = value
    return msgspec.json.encode(record) + b"\n"


def _placed(files: CourseFiles, path: str, folder: str) -> tuple[str, str] | None:
    """Type and url_name of the block in a file, by where it lies; None where it holds no block of this course."""
    block_type, slash, rest = path.removeprefix(folder).partition("/")
    if not path.startswith(folder) or not slash or block_type in _NOT_BLOCK_FOLDERS:
        return None
    return block_type, files.elements[path].name or rest.removesuffix(".xml").replace("/", ":")
