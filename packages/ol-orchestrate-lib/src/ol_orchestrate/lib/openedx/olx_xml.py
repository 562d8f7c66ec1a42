"""One XML file of a course: hostile until parsed, then the block in it and the blocks it points at.

Only the shape of the course is read here. Which file a pointer leads to, and what the policy says, is decided in
`olx_outline` when the whole archive has been seen.
"""

from collections.abc import Iterator, Mapping
from typing import cast

import msgspec
from lxml import etree

CONTAINERS = frozenset(
    {
        "course", "library", "chapter", "section", "sequential", "sequence", "videosequence", "problemset", "vertical",
        "wrapper", "abtest", "randomize", "conditional", "split_test", "library_content", "itembank",
    }
)  # fmt: skip
"""Every element inside these is a block, whatever its tag."""

LEAVES = frozenset({"problem", "html", "video", "discussion"})
"""Nothing inside these is a block: it is their own language."""

_NOT_BLOCKS = frozenset({"wiki", "textbook", "meta", "show"})
_GROUPS = frozenset({"group"})  # the arms of an abtest: they hold blocks and are none
_NAMES = frozenset({"url_name", "slug"})


class BadXml(Exception):  # noqa: N818
    """This file cannot be read; its text says why."""


class Element(msgspec.Struct, frozen=True):
    """One block, as one XML element shows it.

    Attributes:
        tag: The block's type.
        name: Its `url_name`, or what older courses called so; None where the author gave none.
        title: Its `display_name`, or what older courses called so.
        pointer: The `url_name` of the file that holds the rest of it, None when all of it is here.
        children: The blocks in it, in order.
    """

    tag: str
    name: str | None
    title: str | None
    pointer: str | None
    children: tuple["Element", ...]


class XmlReader:
    """Parses files of one course; not shared between threads.

    It loads no DTD, expands no entity, opens no file and no connection, whatever the XML asks for.
    """

    def __init__(self) -> None:
        self._parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )

    def parse(self, content: bytes) -> etree._Element:
        """The root element.

        Raises:
            BadXml: It is not well-formed, too deeply nested, or declares a document type: entities are how small XML
                grows large or reads files, and no course needs them.
        """
        try:
            root = etree.fromstring(content, self._parser)
        except etree.XMLSyntaxError as error:
            message = f"not well-formed XML: {error.msg}"
            raise BadXml(message) from error
        if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]  # the stubs miss it
            raise BadXml("it declares a document type (DOCTYPE), which may hide entities")
        return root


def attributes_of(element: etree._Element) -> dict[str, str]:
    """All attributes of an element, as the author wrote them."""
    return cast("dict[str, str]", dict(element.items()))


def block_element(element: etree._Element, attributes: Mapping[str, str]) -> Element:
    """What an element with these attributes says of its block, the blocks inside it included."""
    tag = str(element.tag)
    return Element(
        tag,
        attributes.get("url_name") or attributes.get("slug"),
        plain_text(attributes.get("display_name") or attributes.get("name")),
        _pointer(element, attributes),
        tuple(_block_children(element, tag)) if len(element) else (),
    )


def xml_text(content: bytes, root: etree._Element) -> str:
    """The XML of a file as text, without a declaration: text has no encoding to declare."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return etree.tostring(root, encoding="unicode")
    if text.startswith("<?xml"):
        text = text[text.index("?>") + 2 :]
    return text.strip()


def plain_text(value: object) -> str | None:
    """An attribute or policy value as text, None where it says nothing.

    Some exporters write JSON into attributes: `"2030-01-01T00:00:00Z"` with its quotes, or `null`. Lists and objects
    become JSON text, true and false the words.
    """
    match value:
        case None | "null":
            return None
        case str() if len(value) > 1 and value[0] == value[-1] == '"':
            return _unquoted(value)
        case str():
            return value
        case _:
            return msgspec.json.encode(value, order="sorted").decode()


def _unquoted(value: str) -> str:
    try:
        return msgspec.json.decode(value, type=str)
    except msgspec.DecodeError:
        return value


def _pointer(element: etree._Element, attributes: Mapping[str, str]) -> str | None:
    if len(element) or (element.text and not element.text.isspace()):
        return None
    # An html block's filename names its .html body, not more XML.
    if element.tag != "html" and (filename := attributes.get("filename")):
        return filename.removesuffix(".xml")
    # The root of a course may carry its organisation and number, and how to show them, beside the pointer.
    if element.tag == "course" or attributes.keys() <= _NAMES:
        return attributes.get("url_name") or attributes.get("slug")
    return None


def _block_children(element: etree._Element, tag: str) -> Iterator[Element]:
    if tag in LEAVES:
        return
    for child in element:
        if not isinstance(child.tag, str) or child.tag[0] == "{" or child.tag in _NOT_BLOCKS:
            continue
        if child.tag in _GROUPS and tag == "abtest":
            yield from _block_children(child, tag)
            continue
        attributes = attributes_of(child)
        if tag in CONTAINERS or _pointer(child, attributes):
            yield block_element(child, attributes)
