"""The tree of a course from elements alone: order, depth, one row a block, no endless walk."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from ol_orchestrate.lib.openedx.course_id import CourseKey
from ol_orchestrate.lib.openedx.olx_outline import OutlineRow, outline_rows
from ol_orchestrate.lib.openedx.olx_policy import Policy
from ol_orchestrate.lib.openedx.olx_xml import Element

KEY = CourseKey("o", "c", "r")


def inline(tag: str, name: str | None = None, *children: Element, title: str | None = None) -> Element:
    return Element(tag, name, title, None, children)


def pointer(tag: str, name: str) -> Element:
    return Element(tag, name, None, name, ())


def outline(
    root: Element, files: Mapping[tuple[str, str], Element] | None = None, policy: Policy | None = None
) -> list[OutlineRow]:
    return list(outline_rows(KEY, root, lambda tag, name: (files or {}).get((tag, name)), policy or Policy()))


def names(rows: list[OutlineRow]) -> list[str]:
    return [row.usage_key.rpartition("@")[2] for row in rows]


def test_reading_order_places_and_depths() -> None:
    root = inline("course", "r", inline("chapter", "c1", inline("vertical", "v1")), inline("chapter", "c2"))
    prefix = "block-v1:o+c+r+type@"
    course = f"{prefix}course+block@course"
    assert outline(root) == [
        OutlineRow("course-v1:o+c+r", course, None, 0, 0, "course", None),
        OutlineRow("course-v1:o+c+r", f"{prefix}chapter+block@c1", course, 0, 1, "chapter", None),
        OutlineRow(
            "course-v1:o+c+r", f"{prefix}vertical+block@v1", f"{prefix}chapter+block@c1", 0, 2, "vertical", None
        ),
        OutlineRow("course-v1:o+c+r", f"{prefix}chapter+block@c2", course, 1, 1, "chapter", None),
    ]


def test_a_pointer_is_followed_and_its_own_tag_is_the_type() -> None:
    files = {("chapter", "c1"): inline("sequential", None, inline("html", "h"), title="From the file")}
    rows = outline(inline("course", "r", pointer("chapter", "c1")), files)
    assert [(row.type, row.title) for row in rows[1:]] == [("chapter", "From the file"), ("html", None)]


def test_a_pointer_to_nothing_is_a_stub() -> None:
    assert names(outline(inline("course", "r", pointer("chapter", "gone")))) == ["course", "gone"]


def test_a_file_that_points_to_itself_is_the_block() -> None:
    files = {("vertical", "v"): pointer("vertical", "v")}
    assert names(outline(inline("course", "r", pointer("vertical", "v")), files)) == ["course", "v"]


def test_a_pointer_may_lead_to_another() -> None:
    files = {("problem", "a"): pointer("problem", "b"), ("problem", "b"): inline("problem", None, title="B")}
    assert outline(inline("course", "r", pointer("problem", "a")), files)[1].title == "B"


def test_a_block_of_two_parents_is_one_row_under_the_first() -> None:
    root = inline(
        "course", "r", inline("vertical", "v1", inline("html", "h")), inline("vertical", "v2", inline("html", "h"))
    )
    rows = outline(root)
    assert names(rows) == ["course", "v1", "h", "v2"]
    assert rows[2].parent_usage_key == rows[1].usage_key


def test_the_same_name_of_another_type_is_another_block() -> None:
    assert names(outline(inline("course", "r", inline("html", "x"), inline("video", "x")))) == ["course", "x", "x"]


def test_blocks_that_hold_each_other_end() -> None:
    files = {
        ("vertical", "a"): inline("vertical", None, pointer("vertical", "b")),
        ("vertical", "b"): inline("vertical", None, pointer("vertical", "a")),
    }
    assert names(outline(inline("course", "r", pointer("vertical", "a")), files)) == ["course", "a", "b"]


def test_titles_policy_first_then_the_pointer_then_the_file() -> None:
    files = {("problem", "p"): inline("problem", None, title="file")}
    shown = Element("problem", "p", "pointer", "p", ())
    policy = Policy({"problem/p": {"display_name": "policy"}})
    root = inline("course", "r", shown)
    assert outline(root, files, policy)[1].title == "policy"
    assert outline(root, files)[1].title == "pointer"
    assert outline(inline("course", "r", pointer("problem", "p")), files)[1].title == "file"


def test_blocks_without_a_name_have_one_that_stays() -> None:
    root = inline("course", "r", inline("html"), inline("html"))
    first, second = names(outline(root))[1:]
    assert first.startswith("html_")
    assert first != second
    assert names(outline(root))[1:] == [first, second]


def test_a_chain_of_pointers_deeper_than_any_call_stack() -> None:
    files = {("vertical", str(n)): inline("vertical", None, pointer("vertical", str(n + 1))) for n in range(20_000)}
    rows = outline(inline("course", "r", pointer("vertical", "0")), files)
    assert len(rows) == 20_002
    assert rows[-1].depth == 20_001


trees = st.recursive(
    st.builds(inline, st.sampled_from(["html", "video"]), st.sampled_from("abcd")),
    lambda children: st.builds(
        lambda tag, name, inside: inline(tag, name, *inside),
        st.sampled_from(["vertical", "sequential"]),
        st.sampled_from("abcd") | st.none(),
        st.lists(children, max_size=4),
    ),
    max_leaves=30,
)


@given(trees)
def test_every_block_is_one_row_after_its_parent(tree: Element) -> None:
    rows = outline(inline("course", "r", tree))
    keys = [row.usage_key for row in rows]
    assert len(keys) == len(set(keys))
    for place, row in enumerate(rows[1:], start=1):
        parent = keys.index(str(row.parent_usage_key))
        assert parent < place
        assert row.depth == rows[parent].depth + 1
