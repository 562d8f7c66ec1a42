"""Records of one object or one file: metadata, videos, XML blocks, and the faults they once had."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Extract = Callable[..., Any]
ROOT = '<course url_name="r" org="o" course="c"/>'


def course(details: str = "<course/>", policy: object = None, **files: str) -> dict[str, str]:
    """A course without chapters; `__` is a slash, names are XML below `course/`."""
    members = {"course/course.xml": ROOT, "course/course/r.xml": details}
    members |= {f"course/{path.replace('__', '/')}.xml": content for path, content in files.items()}
    if policy is not None:
        members["course/policies/r/policy.json"] = json.dumps(policy)
    return members


def test_metadata(extract: Extract) -> None:
    details = (
        '<course display_name="T" start="2026-02-01T00:00:00Z" end="2026-06-01T00:00:00Z" self_paced="true" '
        'enrollment_start="2025-11-01T00:00:00Z" enrollment_end="null" '
        'instructor_info="{&quot;instructors&quot;: []}"/>'
    )
    assert extract(course(details)).rows("course_metadata") == [
        {
            "course_id": "course-v1:o+c+r",
            "archive_course_id": "course-v1:o+c+r",
            "institution": "o",
            "course_number": "c",
            "semester": "r",
            "title": "T",
            "course_start": "2026-02-01T00:00:00Z",
            "course_end": "2026-06-01T00:00:00Z",
            "enrollment_start": "2025-11-01T00:00:00Z",
            "enrollment_end": None,
            "instructor_info": '{"instructors": []}',
            "self_paced": True,
        }
    ]


def test_objects_of_the_policy_are_text_in_the_metadata(extract: Extract) -> None:
    found = extract(course(policy={"course/r": {"instructor_info": {"instructors": [{"name": "A"}]}}}))
    assert found.rows("course_metadata")[0]["instructor_info"] == '{"instructors":[{"name":"A"}]}'


@pytest.mark.parametrize(("written", "read"), [('self_paced="false"', False), ('self_paced="true"', True), ("", None)])
def test_self_paced_false_is_false(extract: Extract, written: str, *, read: bool | None) -> None:
    assert extract(course(f"<course {written}/>")).rows("course_metadata")[0]["self_paced"] is read


@pytest.mark.parametrize(
    ("body", "duration"),
    [
        ('<video_asset duration="61.5"/>', "61.5"),
        ('<video_asset duration="61.5"><encoded_video/></video_asset>', "61.5"),
        ("<video_asset/>", "0.0"),
        ("<source/>", None),
        ("", None),
    ],
)
def test_the_duration_of_a_video(extract: Extract, body: str, duration: str | None) -> None:
    found = extract(course(video__v=f'<video url_name="v" edx_video_id="e1">{body}</video>'))
    assert found.rows("course_video") == [
        {"course_id": "course-v1:o+c+r", "video_block_id": "v", "edx_video_id": "e1", "duration": duration}
    ]
    assert found.rows("course_xml_blocks")[0]["duration"] == duration


def test_videos_of_subfolders_and_those_nobody_points_to_have_rows(extract: Extract) -> None:
    found = extract(course(video__a__b="<video/>", video__c='<video url_name="own"/>', html__video="<html/>"))
    assert [row["video_block_id"] for row in found.rows("course_video")] == ["a:b", "own"]


def test_a_problem_block(extract: Extract) -> None:
    attributes = 'url_name="p" display_name="P" max_attempts="3" weight="2.0" markdown="&gt;&gt;a&lt;&lt;"'
    xml = f"<problem {attributes}><p>é</p></problem>"
    found = extract(course(problem__p=f'<?xml version="1.0"?>\n{xml}\n'), source_system="mitxonline")
    assert found.rows("course_xml_blocks") == [
        {
            "course_id": "course-v1:o+c+r",
            "source_system": "mitxonline",
            "block_id": "p",
            "block_type": "problem",
            "block_display_name": "P",
            "xml_attributes": {
                "url_name": "p",
                "display_name": "P",
                "max_attempts": "3",
                "weight": "2.0",
                "markdown": ">>a<<",
            },
            "xml_path": "course/problem/p.xml",
            "raw_xml": xml,
            "edx_video_id": None,
            "duration": None,
            "max_attempts": "3",
            "weight": "2.0",
            "markdown": ">>a<<",
        }
    ]


def test_columns_of_problems_and_videos_are_empty_for_others(extract: Extract) -> None:
    xml = '<html url_name="h" max_attempts="3" weight="2" markdown="m" edx_video_id="e"/>'
    (row,) = extract(course(html__h=xml)).rows("course_xml_blocks")
    assert [row[name] for name in ("max_attempts", "weight", "markdown", "edx_video_id", "duration")] == [None] * 5
    assert row["xml_attributes"]["weight"] == "2"


def test_the_type_of_a_block_is_its_folder_not_its_tag(extract: Extract) -> None:
    (row,) = extract(course(chapter__poll="<sequential/>")).rows("course_xml_blocks")
    assert (row["block_type"], row["block_id"]) == ("chapter", "poll")


def test_files_that_hold_no_block_have_no_row(extract: Extract) -> None:
    members = course(roots__r=ROOT, course__other="<course/>", html__h="<html/>") | {"other/html/x.xml": "<html/>"}
    found = extract(members)
    assert [row["xml_path"] for row in found.rows("course_xml_blocks")] == ["course/html/h.xml"]


def test_the_policy_overrides_columns_and_not_the_attributes_as_written(extract: Extract) -> None:
    policy = {
        "problem/p": {"weight": 4, "display_name": "Policy", "max_attempts": None},
        "video/v": {"edx_video_id": "e2"},
    }
    found = extract(
        course(policy=policy, problem__p='<problem weight="2" max_attempts="3"/>', video__v='<video edx_video_id="e"/>')
    )
    problem, video = found.rows("course_xml_blocks")
    assert (problem["weight"], problem["max_attempts"], problem["block_display_name"]) == ("4", "3", "Policy")
    assert problem["xml_attributes"] == {"weight": "2", "max_attempts": "3"}
    assert video["edx_video_id"] == found.rows("course_video")[0]["edx_video_id"] == "e2"


def test_line_ends_and_quotes_in_the_xml_stay_on_one_line(extract: Extract) -> None:
    xml = '<problem a="&#10;\'">\n\u2028"\\\n</problem>'
    (row,) = extract(course(problem__p=xml)).rows("course_xml_blocks")
    assert row["raw_xml"] == xml


def test_no_record_tells_when_it_was_made(extract: Extract) -> None:
    found = extract(course(video__v="<video/>", policy={"course/r": {}}))
    for noun in found.extract.outputs:
        assert not [name for row in found.rows(noun) for name in row if name.endswith(("_at", "_on"))]
