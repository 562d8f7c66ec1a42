"""The one pass: which members count, what a bad one costs, and where a course begins. Every old form is packed here."""

import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.openedx.olx_archive import ArchiveLimits

Extract = Callable[..., Any]
Special = Callable[..., tarfile.TarInfo]

ROOT = '<course url_name="r" org="o" course="c"/>'
CHAPTER = '<course display_name="Title"><chapter url_name="c1"/></course>'
TREE = [(0, "course", "course"), (1, "chapter", "c1")]


def course(**files: str) -> dict[str, str]:
    """A course of one chapter, with more files or other contents; `__` is a slash, names are XML below `course/`."""
    paths = {"course": ROOT, "course__r": CHAPTER, "chapter__c1": '<chapter display_name="One"/>'} | files
    return {f"course/{path.replace('__', '/')}.xml": content for path, content in paths.items()}


def test_a_course_as_studio_packs_it(extract: Extract) -> None:
    found = extract(course())
    assert found.blocks == TREE
    assert found.errors == {}


@pytest.mark.parametrize("top", ["", "2013_SOND/", "./course/", "./", "a/b/c/"])
def test_the_top_folder_may_have_any_name_or_be_missing(extract: Extract, top: str) -> None:
    members = {path.replace("course/", top, 1): content for path, content in course().items()}
    found = extract(members)
    assert found.blocks == TREE
    assert found.errors == {}


def test_the_order_of_members_does_not_matter(extract: Extract) -> None:
    first = extract(course(video__v="<video/>"))
    rows = {noun: first.rows(noun) for noun in first.extract.outputs}
    again = extract(dict(reversed(course(video__v="<video/>").items())))
    assert {noun: again.rows(noun) for noun in rows if noun != "course_xml_blocks"} == {
        noun: rows[noun] for noun in rows if noun != "course_xml_blocks"
    }
    assert sorted(map(str, again.rows("course_xml_blocks"))) == sorted(map(str, rows["course_xml_blocks"]))


def test_the_first_member_need_not_be_the_top_folder(extract: Extract) -> None:
    found = extract({"README.md": "hello", "course/static/a.png": b"\x89", **course()})
    assert found.blocks == TREE


def test_a_whole_course_inline_without_names(extract: Extract) -> None:
    found = extract(
        {
            "course/course.xml": '<course name="Simple" org="edX" course="simple" slug="2012_Fall">'
            '<chapter name="Overview"><section name="S"><sequential><video youtube="1.0:x"/>'
            '<problem name="P" filename="ps01"/><html name="h" filename="toylab"/></sequential></section></chapter>'
            "</course>",
            "course/problem/ps01.xml": "<problem><p>1</p></problem>",
            "course/html/toylab.html": "<b>",
        }
    )
    assert [block_type for _, block_type, _ in found.blocks] == [
        *("course", "chapter", "section", "sequential", "video", "problem", "html")
    ]
    assert found.extract.title == "Simple"
    assert str(found.extract.key) == "course-v1:edX+simple+2012_Fall"
    assert found.errors == {}


def test_slug_and_filename_pointers(extract: Extract) -> None:
    found = extract(
        course(
            chapter__c1='<sequential><sequential filename="s1" slug="s1"/></sequential>',
            sequential__s1='<sequential><vertical slug="v1" filename="v1"/></sequential>',
            vertical__v1="<sequential><video/></sequential>",
        )
    )
    assert [block[:2] for block in found.blocks[2:]] == [(2, "sequential"), (3, "vertical"), (4, "video")]
    assert found.errors == {}


def test_a_colon_in_a_name_is_a_folder(extract: Extract) -> None:
    found = extract(
        course(course__r='<course><chapter url_name="secret:magic"/></course>', chapter__secret__magic="<chapter/>")
    )
    assert found.blocks[1] == (1, "chapter", "secret:magic")
    assert found.errors == {}
    assert "secret:magic" in {row["block_id"] for row in found.rows("course_xml_blocks")}


def test_a_root_that_is_a_link(extract: Extract, special: Special) -> None:
    members = course() | {
        "course/course.xml": special(tarfile.SYMTYPE, "roots/2013.xml"),
        "course/roots/2013.xml": ROOT,
    }
    found = extract(members)
    assert found.blocks == TREE
    assert str(found.extract.key) == "course-v1:o+c+r"
    assert "roots" not in {row["block_type"] for row in found.rows("course_xml_blocks")}


def test_a_root_that_is_a_link_to_nothing(extract: Extract, special: Special) -> None:
    members = course() | {"course/course.xml": special(tarfile.SYMTYPE, "roots/2013.xml")}
    found = extract(members, course_id="course-v1:o+c+r")
    assert found.errors == {"course/roots/2013.xml": "it is pointed to, and is not in the archive"}
    assert found.blocks == TREE[:1]


def test_links_that_run_in_a_circle(extract: Extract, special: Special) -> None:
    members = course() | {
        "course/chapter/c1.xml": special(tarfile.SYMTYPE, "c2.xml"),
        "course/chapter/c2.xml": special(tarfile.SYMTYPE, "c1.xml"),
    }
    found = extract(members)
    assert found.blocks == TREE
    assert set(found.errors) == {"course/chapter/c1.xml"}


def test_a_library(extract: Extract) -> None:
    found = extract(
        {
            "library/library.xml": '<library org="o" library="Bank" display_name="B" url_name="library">'
            '<problem url_name="p1"/></library>',
            "library/problem/p1.xml": '<problem display_name="P"/>',
        }
    )
    assert str(found.extract.key) == "library-v1:o+Bank"
    assert found.blocks == [(0, "library", "library"), (1, "problem", "p1")]
    assert found.rows("course_metadata")[0]["semester"] is None


def test_export_format_1_is_read_from_its_published_branch(extract: Extract) -> None:
    members = {"2014/format.json": '{"export_format": 1}'}
    for branch, title in (("drafts", "D"), ("honors", "H"), ("published", "P")):
        branch_files = course(course__r=CHAPTER.replace("Title", title), html__only="<html/>").items()
        members |= {path.replace("course/", f"2014/{branch}/", 1): content for path, content in branch_files}
    found = extract(members)
    assert found.extract.title == "P"
    assert found.blocks == TREE
    paths = [row["xml_path"] for row in found.rows("course_xml_blocks")]
    assert paths == ["2014/published/chapter/c1.xml", "2014/published/html/only.xml"]


def test_drafts_are_not_published(extract: Extract) -> None:
    found = extract(course(drafts__vertical__v1="<vertical", drafts__chapter__c1="<chapter/>"))
    assert found.blocks == TREE
    assert found.errors == {}
    assert len(found.rows("course_xml_blocks")) == 1


@pytest.mark.parametrize(
    "path",
    [
        "course/chapter/c1.xml~",
        "course/chapter/._c1.xml",
        "course/chapter/.c1.xml.swp",
        "course/chapter/#c1.xml#",
        "course/.git/x.xml",
        "._course.xml",
        "__MACOSX/course/course.xml",
        "course/static/broken.xml",
        "course/assets/assets.xml",
        "course/policies/assets.json",
        "course/static/policies/x.json",
    ],
)
def test_files_of_editors_and_static_files_are_passed_over(extract: Extract, path: str) -> None:
    found = extract({path: "<broken", **course()})
    assert found.blocks == TREE
    assert found.errors == {}


def test_a_broken_file_costs_only_itself(extract: Extract) -> None:
    found = extract(
        course(
            course__r='<course><chapter url_name="bad"/><chapter url_name="c1"/></course>',
            chapter__bad='<chapter><vertical url_name="v"/>',
            video__broken="<video",
            video__v1='<video edx_video_id="e"/>',
        )
    )
    assert [name for _, _, name in found.blocks] == ["course", "bad", "c1"]
    assert set(found.errors) == {"course/chapter/bad.xml", "course/video/broken.xml"}
    assert all(reason.startswith("not well-formed XML: ") for reason in found.errors.values())
    assert [row["video_block_id"] for row in found.rows("course_video")] == ["v1"]
    assert [row["block_id"] for row in found.rows("course_xml_blocks")] == ["c1", "v1"]


def test_a_missing_file_is_a_stub_and_reported_once(extract: Extract) -> None:
    twice = '<course><chapter url_name="gone"/><chapter url_name="c1"/><chapter url_name="gone"/></course>'
    found = extract(course(course__r=twice))
    assert [name for _, _, name in found.blocks] == ["course", "gone", "c1"]
    assert [(e.path, e.reason) for e in found.extract.errors] == [
        ("course/chapter/gone.xml", "it is pointed to, and is not in the archive")
    ]


def test_names_that_climb_lead_nowhere(extract: Extract) -> None:
    found = extract(course(course__r='<course><chapter url_name="../../../etc/passwd"/></course>'))
    assert len(found.errors) == 1
    assert found.blocks[1][:2] == (1, "chapter")


def test_hostile_members_are_reported_and_the_rest_is_kept(extract: Extract, special: Special) -> None:
    found = extract(
        {
            "../evil.xml": "<a/>",
            "/abs.xml": "<a/>",
            "course/out.xml": special(tarfile.SYMTYPE, "/etc/passwd"),
            "course/hard.xml": special(tarfile.LNKTYPE, "../x"),
            "course/dev": special(tarfile.CHRTYPE),
            "course/html/bomb.xml": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><html>&x;</html>',
            **course(),
        }
    )
    assert set(found.errors) == {
        *("../evil.xml", "/abs.xml", "course/out.xml", "course/hard.xml", "course/dev", "course/html/bomb.xml")
    }
    assert found.blocks == TREE


def test_a_member_too_large_to_parse_is_reported(extract: Extract) -> None:
    limits = ArchiveLimits(parsed_bytes=1000)
    found = extract(course(html__big=f"<html>{'x' * 1000}</html>"), limits=limits)
    assert found.errors == {"course/html/big.xml": "1,013 bytes, more than the 1,000 we parse"}
    assert found.blocks == TREE


def test_policy_files_are_bounded_together(extract: Extract) -> None:
    policies = {f"course/policies/r/{n}.json": '{"a": "' + "x" * 400 + '"}' for n in range(3)}
    found = extract(course() | policies, limits=ArchiveLimits(parsed_bytes=1000))
    assert found.errors == {"course/policies/r/2.json": "policy files of more than 1,000 bytes in all"}


@pytest.mark.parametrize(("later", "blocks"), [("<video/>", 2), ("<video", 1)])
def test_of_two_members_of_one_path_the_later_counts(
    extract: Extract, special: Special, later: str, blocks: int
) -> None:
    found = extract(course(video__v='<video edx_video_id="first"/>') | {"./course/video/v.xml": later})
    assert "course/video/v.xml" in found.errors
    assert found.extract.errors[0].reason == "it is in the archive twice; the later one is read"
    assert len(found.rows("course_xml_blocks")) == blocks
    assert [row["edx_video_id"] for row in found.rows("course_video")] == [None] * (blocks - 1)


def test_a_file_after_a_link_of_its_path_counts(extract: Extract, special: Special) -> None:
    members = {"./course/chapter/c1.xml": special(tarfile.SYMTYPE, "gone.xml"), **course()}
    found = extract(members)
    assert found.errors == {}
    assert found.rows("course_outline")[1]["title"] == "One"


@pytest.mark.parametrize(
    "members", [{}, {"readme.txt": "x"}, {"course/drafts/course.xml": ROOT}, {"course/chapter/c1.xml": "<chapter/>"}]
)
def test_an_archive_without_a_course_is_refused(extract: Extract, members: dict[str, str]) -> None:
    with pytest.raises(MalformedInput, match=r"Looked for course\.xml .* among \d+ members") as failure:
        extract(members)
    assert failure.value.reason == "no_course"
