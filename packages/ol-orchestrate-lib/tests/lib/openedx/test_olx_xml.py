"""One XML file: what is a block, what is a pointer, and what hostile XML is not allowed to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ol_orchestrate.lib.openedx.olx_xml import (
    BadXml,
    Element,
    XmlReader,
    attributes_of,
    block_element,
    plain_text,
    xml_text,
)


def block(xml: str) -> Element:
    root = XmlReader().parse(xml.encode())
    return block_element(root, attributes_of(root))


def children(xml: str) -> list[tuple[str, str | None]]:
    return [(child.tag, child.name) for child in block(xml).children]


@pytest.mark.parametrize(
    ("xml", "pointer"),
    [
        ('<problem url_name="p"/>', "p"),
        ('<problem url_name="p"></problem>', "p"),
        ('<problem url_name="p">\n  </problem>', "p"),
        ('<problem url_name="p"><!-- nothing --></problem>', "p"),
        ('<chapter url_name="secret:magic"/>', "secret:magic"),
        ('<sequential slug="s"/>', "s"),
        ('<sequential filename="f" slug="s"/>', "f"),
        ('<problem name="L1" filename="ps01.xml" showanswer="attempted"/>', "ps01"),
        ('<course url_name="2012" org="edX" course="toy"/>', "2012"),
        ('<course url_name="2012" org="edX" course="toy" display_organization="shown"/>', "2012"),
        ('<problem url_name="p" display_name="Here"/>', None),
        ('<problem url_name="p">text</problem>', None),
        ('<problem url_name="p"><p/></problem>', None),
        ('<html filename="body"/>', None),
        ('<html url_name="h" filename="body"/>', None),
        ('<course org="edX" course="toy" url_name="r"><chapter url_name="c"/></course>', None),
        ("<vertical/>", None),
    ],
)
def test_pointers(xml: str, pointer: str | None) -> None:
    assert block(xml).pointer == pointer


@pytest.mark.parametrize(
    ("xml", "name", "title"),
    [
        ('<video url_name="v" display_name="Watch"/>', "v", "Watch"),
        ('<video slug="v" name="Watch"/>', "v", "Watch"),
        ('<problem filename="p1" name="One"/>', None, "One"),
        ('<video name="Watch"/>', None, "Watch"),
        ('<video url_name="v" display_name="&quot;Watch&quot;"/>', "v", "Watch"),
        ('<video url_name="v" display_name=""/>', "v", None),
        ("<video/>", None, None),
    ],
)
def test_names_and_titles_old_and_new(xml: str, name: str | None, title: str | None) -> None:
    found = block(xml)
    assert (found.name, found.title or None) == (name, title)


def test_everything_in_a_container_is_a_block() -> None:
    xml = '<vertical><poll name="x"><p/></poll><done url_name="d"/><html url_name="h">text</html><!-- c --></vertical>'
    assert children(xml) == [("poll", None), ("done", "d"), ("html", "h")]


def test_what_a_course_holds_beside_blocks() -> None:
    xml = (
        '<course><textbook title="t"/><chapter url_name="c"/><wiki slug="w"/><meta/>'
        '<n:giturl xmlns:n="http://code.edx.org/xblock/option" none="true"/></course>'
    )
    assert children(xml) == [("chapter", "c")]


def test_the_language_of_leaves_is_not_read_as_blocks() -> None:
    for tag in ("problem", "html", "video", "discussion"):
        assert children(f'<{tag}><chapter url_name="not-one"/></{tag}>') == []


def test_an_unknown_block_holds_what_it_points_to() -> None:
    xml = '<my-block><p class="x">text</p><problem url_name="p"/><option>1</option></my-block>'
    assert children(xml) == [("problem", "p")]


def test_the_arms_of_an_abtest_are_no_blocks_and_hold_some() -> None:
    xml = (
        '<abtest experiment="e"><group name="a"><problem url_name="p1"/></group>'
        '<group name="b"><problem url_name="p2"/></group></abtest>'
    )
    assert children(xml) == [("problem", "p1"), ("problem", "p2")]


def test_blocks_inside_blocks_are_read_to_any_depth_xml_may_have() -> None:
    found = block("<vertical>" * 200 + "</vertical>" * 200)
    depth = 1
    while found.children:
        (found,) = found.children
        depth += 1
    assert depth == 200


BOMB = (
    '<!DOCTYPE a [<!ENTITY a0 "lol">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + "]><a {0}>{1}</a>"
)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BOMB.replace("{0}", "").replace("{1}", "&a11;").encode(), "DOCTYPE|amplification"),
        (BOMB.replace("{0}", 'x="&a11;"').replace("{1}", "").encode(), "DOCTYPE|amplification"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "DOCTYPE"),
        (b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]><a/>', "DOCTYPE"),
        (b'<!DOCTYPE problem SYSTEM "http://127.0.0.1:9/problem.dtd"><problem/>', "DOCTYPE"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a/>'.encode("utf-16"), "DOCTYPE"),
        (b"<a>" * 300 + b"</a>" * 300, "depth"),
        (b"", "empty"),
        (b"<problem><p></problem>", "not well-formed"),
        (b"<problem>&nbsp;</problem>", "nbsp"),
        (b"<problem>\x00</problem>", "not well-formed"),
        (b"<problem>\xff</problem>", "not well-formed"),
        (b"plain text", "not well-formed"),
    ],
)
def test_hostile_and_broken_xml_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(BadXml, match=why):
        XmlReader().parse(content)


def test_an_html_page_inside_cdata_is_text() -> None:
    assert block("<html><![CDATA[<!DOCTYPE html><b>]]></html>").tag == "html"


def test_a_reader_goes_on_after_a_broken_file() -> None:
    reader = XmlReader()
    with pytest.raises(BadXml):
        reader.parse(b"<a>")
    assert reader.parse(b"<a/>").tag == "a"


@given(st.binary(max_size=200) | st.text("<>/a=\"' &;![]DOCTYPE-", max_size=60).map(str.encode))
def test_any_bytes_are_xml_or_refused(content: bytes) -> None:
    try:
        root = XmlReader().parse(content)
    except BadXml:
        return
    assert block_element(root, attributes_of(root)).tag == root.tag


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"<a>x</a>\n", "<a>x</a>"),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n<a>x</a>', "<a>x</a>"),
        (b"\xef\xbb\xbf<a>x</a>", "<a>x</a>"),
        ("<a>é &lt; ü</a>".encode(), "<a>é &lt; ü</a>"),
        (b'<?xml version="1.0" encoding="iso-8859-1"?><a b=\'1\'>\xe9</a>', '<a b="1">é</a>'),
        ('<?xml version="1.0" encoding="utf-16"?><a>é</a>'.encode("utf-16"), "<a>é</a>"),
    ],
)
def test_xml_as_text_has_no_declaration(content: bytes, text: str) -> None:
    assert xml_text(content, XmlReader().parse(content)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("null", None),
        ("", ""),
        ("plain", "plain"),
        ('"2030-01-01T00:00:00Z"', "2030-01-01T00:00:00Z"),
        ('"To be" or "not to be"', '"To be" or "not to be"'),
        ('"', '"'),
        ('"\\u00e9"', "é"),
        (True, "true"),
        (4, "4"),
        (0.5, "0.5"),
        ({"b": 1, "a": [2]}, '{"a":[2],"b":1}'),
    ],
)
def test_values_as_text(value: object, text: str | None) -> None:
    assert plain_text(value) == text
