"""The one pass over an archive: every member is looked at once, and what the course needs of it is kept.

Kept in memory is the shape of the course (about a kilobyte a block). The XML of the blocks goes to a spool file as
it is met, because what a record needs to know of the course may come last in the archive.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

import msgspec
from lxml import etree

from ol_orchestrate.lib.openedx.olx_archive import ArchiveLimits, ArchiveReader, Member, MemberKind
from ol_orchestrate.lib.openedx.olx_policy import GRADING_POLICY
from ol_orchestrate.lib.openedx.olx_xml import (
    BadXml,
    Element,
    XmlReader,
    attributes_of,
    block_element,
    plain_text,
    xml_text,
)

_ROOTS = frozenset({"course.xml", "library.xml"})
_PASSED_OVER = frozenset({"static", "assets", "drafts", "__MACOSX"})  # not content, or not published
_VIDEOS = frozenset({"video", "videoalpha"})
_MOST_LINKS = 10


@dataclass(frozen=True, slots=True)
class MemberError:
    """What could not be read, and why: a member of the archive, or a file that another one points to."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What the XML of a video says of the file behind it; `duration` in seconds, as text."""

    edx_video_id: str | None
    duration: str | None


@dataclass(slots=True)
class CourseFiles:
    """What is kept of an archive. All paths are as in the archive.

    Attributes:
        elements: The block in each XML file that could be read.
        attributes: All attributes of the files that hold a course or a library.
        videos: The facts of each file that holds a video.
        json: The policy files, unread.
        links: Where links lead.
        spooled: The line of the spool, counted from 0, that each XML file is on.
        unreadable: XML files that were there and could not be read.
        errors: All that is to be reported, in the order it was met.
        members: How many members the archive has.
    """

    elements: dict[str, Element] = field(default_factory=dict)
    attributes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    videos: dict[str, VideoFacts] = field(default_factory=dict)
    json: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    spooled: dict[str, int] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    errors: list[MemberError] = field(default_factory=list)
    members: int = 0

    def report(self, path: str, reason: str) -> None:
        """Remember what could not be read."""
        self.errors.append(MemberError(path, reason))

    def resolved(self, path: str) -> str:
        """Where the links of the archive lead from `path`; itself when it is no link, or links run in a circle."""
        target = path
        for _ in range(_MOST_LINKS):
            if target not in self.links:
                return target
            target = self.links[target]
        return path

    def root(self) -> str | None:
        """The path of the file the course begins with: the shallowest `course.xml`, or `library.xml`.

        Export format 1 has one beside the other for each branch; learners see the published one.
        """
        found = {path for path in (*self.elements, *self.links, *self.unreadable) if _file_name(path) in _ROOTS}
        return min(found, key=_root_rank, default=None)


class CourseFilesReader:
    """Fills a `CourseFiles` from an archive, and a spool with one JSON line for each XML file that could be read."""

    def __init__(self, archive: ArchiveReader, spool: IO[bytes], limits: ArchiveLimits) -> None:
        self._archive = archive
        self._spool = spool
        self._limits = limits
        self._xml = XmlReader()
        self._encoder = msgspec.json.Encoder()
        self._json_bytes = 0
        self._lines = 0
        self._files = CourseFiles()

    def read(self) -> CourseFiles:
        """Read the archive to its end.

        Raises:
            MalformedInput: The archive as a whole cannot be read.
        """
        for member in self._archive:
            self._files.members += 1
            if member.refused:
                self._files.report(member.path, member.refused)
            elif _passed_over(member.path):
                continue
            elif member.kind is MemberKind.LINK:
                self._files.links[member.path] = member.target
            elif member.kind is MemberKind.FILE:
                self._keep(member)
        return self._files

    def _keep(self, member: Member) -> None:
        if member.path.endswith(".xml"):
            self._forget_earlier(member.path)
            self._keep_xml(member)
        elif _is_policy(member.path):
            self._keep_json(member)

    def _keep_xml(self, member: Member) -> None:
        if member.size_bytes > self._limits.parsed_bytes:
            self._refuse(
                member.path, f"{member.size_bytes:,} bytes, more than the {self._limits.parsed_bytes:,} we parse"
            )
            return
        content = self._archive.read()
        try:
            root = self._xml.parse(content)
        except BadXml as error:
            self._refuse(member.path, str(error))
            return
        self._keep_block(member.path, content, root)

    def _keep_block(self, path: str, content: bytes, root: etree._Element) -> None:
        attributes = attributes_of(root)
        element = block_element(root, attributes)
        self._files.elements[path] = element
        video = _video_facts(root) if element.tag in _VIDEOS else None
        if video:
            self._files.videos[path] = video
        if element.tag in {"course", "library"}:
            self._files.attributes[path] = attributes
        record = _record(path, element, attributes, video) | {"raw_xml": xml_text(content, root)}
        self._spool.write(self._encoder.encode(record) + b"\n")
        self._files.spooled[path] = self._lines
        self._lines += 1

    def _keep_json(self, member: Member) -> None:
        self._json_bytes += member.size_bytes
        if self._json_bytes > self._limits.parsed_bytes:
            self._files.report(member.path, f"policy files of more than {self._limits.parsed_bytes:,} bytes in all")
            return
        self._files.json[member.path] = self._archive.read()

    def _refuse(self, path: str, reason: str) -> None:
        self._files.unreadable.add(path)
        self._files.report(path, reason)

    def _forget_earlier(self, path: str) -> None:
        # Unpacked to disk, a later member of the same path would have replaced the earlier one.
        self._files.links.pop(path, None)
        if self._files.elements.pop(path, None):
            self._files.report(path, "it is in the archive twice; the later one is read")
            self._files.videos.pop(path, None)
            self._files.attributes.pop(path, None)
            del self._files.spooled[path]


def _record(path: str, element: Element, attributes: Mapping[str, str], video: VideoFacts | None) -> dict[str, object]:
    problem = attributes if element.tag == "problem" else {}
    return {
        "block_display_name": plain_text(attributes.get("display_name")) or "",
        "xml_attributes": attributes,
        "xml_path": path,
        "edx_video_id": video.edx_video_id if video else None,
        "duration": video.duration if video else None,
        "max_attempts": plain_text(problem.get("max_attempts")),
        "weight": plain_text(problem.get("weight")),
        "markdown": plain_text(problem.get("markdown")),
    }


def _video_facts(root: etree._Element) -> VideoFacts:
    asset = root.find("video_asset")
    return VideoFacts(
        edx_video_id=root.get("edx_video_id"),
        duration=None if asset is None else asset.get("duration", "0.0"),
    )


def _passed_over(path: str) -> bool:
    """Whether a member can tell nothing of the course: static files, drafts, what editors and Finder leave behind."""
    if path.startswith((".", "#")) or path.endswith("~") or "/." in path or "/#" in path:
        return True
    return not _PASSED_OVER.isdisjoint(path.split("/")[:-1])


def _is_policy(path: str) -> bool:
    *folders, name = path.split("/")
    return name == GRADING_POLICY or ("policies" in folders and name.endswith(".json") and name != "assets.json")


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _root_rank(path: str) -> tuple[int, bool, str]:
    folder = path.rpartition("/")[0]
    return path.count("/"), _file_name(folder) != "published", path
