"""The tree of a course: every block that learners can reach from its root, once."""

import hashlib
from collections.abc import Callable, Iterator

import msgspec

from ol_orchestrate.lib.openedx.course_id import CourseKey
from ol_orchestrate.lib.openedx.olx_policy import Policy
from ol_orchestrate.lib.openedx.olx_xml import Element, plain_text

type FindFile = Callable[[str, str], Element | None]
"""Finds what the file `<type>/<url_name>.xml` holds: given type and url_name."""


class OutlineRow(msgspec.Struct, frozen=True):
    """One block of one course run or library.

    Attributes:
        course_id: The run, as the caller knows it.
        usage_key: The block's key.
        parent_usage_key: The first block that holds it, in reading order; None for the root.
        position: Place among the blocks of that parent, from 0.
        depth: Steps from the root, which has 0.
        type: The tag of the pointer to it, which is what Open edX calls the type.
        title: What learners read, None where it has none.
    """

    course_id: str
    usage_key: str
    parent_usage_key: str | None
    position: int
    depth: int
    type: str
    title: str | None


def outline_rows(key: CourseKey, root: Element, find: FindFile, policy: Policy) -> Iterator[OutlineRow]:
    """Rows in reading order: a block comes before the blocks in it.

    A block that several others point to is one row, under the first of them.
    """
    course_id = str(key)
    seen: set[tuple[str, str]] = set()
    to_visit: list[tuple[Element, str | None, int, int]] = [(root, None, 0, 0)]
    while to_visit:
        element, parent, position, depth = to_visit.pop()
        name = element.name or element.pointer or _made_name(element.tag, parent, position)
        if (element.tag, name) in seen:
            continue
        seen.add((element.tag, name))
        content = _content(element, find)
        usage_key = key.root_usage_key if parent is None else key.usage_key(element.tag, name)
        title = plain_text(policy.of(element.tag, name).get("display_name")) or element.title or content.title
        yield OutlineRow(course_id, usage_key, parent, position, depth, element.tag, title)
        children = [(child, usage_key, place, depth + 1) for place, child in enumerate(content.children)]
        to_visit.extend(reversed(children))


def _content(element: Element, find: FindFile) -> Element:
    """The element that holds the block's children: itself, or at the end of its pointers."""
    followed: set[str] = set()
    tag = element.tag
    while element.pointer and element.pointer not in followed:
        followed.add(element.pointer)
        found = find(tag, element.pointer)
        if found is None:
            break
        element = found
    return element


def _made_name(tag: str, parent: str | None, position: int) -> str:
    """A name for a block whose author gave none: the same as long as it stays in its place."""
    place = f"{parent}/{position}"
    return f"{tag}_{hashlib.sha256(place.encode()).hexdigest()[:12]}"
