"""Which run an archive is, and what its policy says."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ol_orchestrate.lib.errors import MalformedInput

Extract = Callable[..., Any]
ROOT = '<course url_name="r" org="o" course="c"/>'


def course(root: str = ROOT, details: str = "<course/>", **policies: object) -> dict[str, str]:
    """A course without chapters; policy names have `__` for a slash, values are JSON or its text."""
    files = {"course/course.xml": root, "course/course/r.xml": details}
    for path, policy in policies.items():
        content = policy if isinstance(policy, str) else json.dumps(policy)
        files[f"course/{path.replace('__', '/')}.json"] = content
    return files


def test_the_archive_says_which_run_it_is(extract: Extract) -> None:
    found = extract(course())
    assert str(found.extract.key) == str(found.extract.archive_key) == "course-v1:o+c+r"


def test_the_caller_knows_the_run_better(extract: Extract) -> None:
    root = '<course url_name="course" org="o" course="c"/>'
    members = course(root) | {"course/course/course.xml": '<course><chapter url_name="c1" x="1"/></course>'}
    found = extract(members, course_id="course-v1:o+c+2T2024")
    (metadata,) = found.rows("course_metadata")
    assert (metadata["course_id"], metadata["archive_course_id"]) == ("course-v1:o+c+2T2024", "course-v1:o+c+course")
    assert (metadata["institution"], metadata["course_number"], metadata["semester"]) == ("o", "c", "2T2024")
    assert {row["course_id"] for row in found.rows("course_outline")} == {"course-v1:o+c+2T2024"}
    assert found.rows("course_outline")[1]["usage_key"] == "block-v1:o+c+2T2024+type@chapter+block@c1"
    assert found.errors == {}


def test_an_old_course_id_gives_old_usage_keys(extract: Extract) -> None:
    found = extract(course(), course_id="o/c/r")
    assert [row["usage_key"] for row in found.rows("course_outline")] == ["i4x://o/c/course/r"]


def test_another_course_under_this_id_is_reported(extract: Extract) -> None:
    found = extract(course(), course_id="course-v1:o+other+r")
    assert found.errors == {"course/course.xml": "it says it is course-v1:o+c+r, and is filed as course-v1:o+other+r"}


@pytest.mark.parametrize(
    "root",
    ['<course org="o" course="c"/>', '<course url_name="r"/>', "<course", "<other/>", '<course url_name="r" org="o"/>'],
)
def test_a_run_that_nobody_names_is_refused(extract: Extract, root: str) -> None:
    with pytest.raises(MalformedInput, match="which course run") as failure:
        extract(course(root))
    assert (failure.value.reason, failure.value.position) == ("no_course_key", "course/course.xml")
    assert extract(course(root), course_id="course-v1:o+c+r").extract.archive_key is None


def test_a_broken_root_loses_the_tree_and_keeps_the_blocks(extract: Extract) -> None:
    members = course("<course") | {"course/video/v.xml": "<video/>"}
    found = extract(members, course_id="course-v1:o+c+r")
    assert found.blocks == [(0, "course", "course")]
    assert len(found.rows("course_video")) == len(found.rows("course_xml_blocks")) == 1
    assert set(found.errors) == {"course/course.xml"}


def test_parts_that_no_key_may_hold(extract: Extract) -> None:
    root = '<course url_name="r" org="an org" course="c"/>'
    found = extract(course(root), course_id="course-v1:o+c+r")
    assert "as a course key" in found.errors["course/course.xml"]
    assert found.extract.archive_key is None


def test_a_course_id_that_is_no_key_is_refused(extract: Extract) -> None:
    with pytest.raises(MalformedInput) as failure:
        extract(course(), course_id="r")
    assert failure.value.reason == "bad_course_key"


def test_the_policy_overrides_the_xml(extract: Extract) -> None:
    details = '<course display_name="XML" start="2014" end="2016" self_paced="true"/>'
    said = {"display_name": "Policy", "start": "2015-07-17T12:00", "self_paced": False}
    found = extract(course(details=details, policies__r__policy={"course/r": said, "course/other": {"end": "1999"}}))
    (metadata,) = found.rows("course_metadata")
    assert (metadata["title"], metadata["course_start"], metadata["course_end"]) == (
        "Policy",
        "2015-07-17T12:00",
        "2016",
    )
    assert metadata["self_paced"] is False
    assert found.extract.start == "2015-07-17T12:00"


def test_a_policy_that_says_null_says_nothing(extract: Extract) -> None:
    found = extract(course(details='<course start="2014"/>', policies__r__policy={"course/r": {"start": None}}))
    assert found.extract.start is None


def test_policies_of_2012(extract: Extract) -> None:
    found = extract(course(policies__r={"course/r": {"start": "2012"}}, grading_policy={"GRADE_CUTOFFS": {"A": 0.9}}))
    assert found.extract.start == "2012"
    assert [row["grade_cutoffs"] for row in found.rows("course_grading_policy")] == [{"A": 0.9}]


def test_newer_policies_have_the_last_word(extract: Extract) -> None:
    found = extract(
        course(
            policies__r={"course/r": {"start": "2012"}},
            policies__r__policy={"course/r": {"start": "2013"}},
            grading_policy={"GRADE_CUTOFFS": {"A": 0.9}},
            policies__r__grading_policy={"GRADE_CUTOFFS": {"Pass": 0.5}},
        )
    )
    assert found.extract.start == "2013"
    assert [row["grade_cutoffs"] for row in found.rows("course_grading_policy")] == [{"Pass": 0.5}]


def test_policies_of_another_run_say_nothing(extract: Extract) -> None:
    found = extract(course(policies__other__policy={"course/r": {"start": "1999"}}))
    assert found.extract.start is None
    assert found.rows("course_policy") == []


@pytest.mark.parametrize("broken", ["x:1", "[]", "", '"text"'])
def test_a_broken_policy_costs_only_itself(extract: Extract, broken: str) -> None:
    grading = {"GRADER": [], "GRADE_CUTOFFS": {"Pass": 0.5}}
    found = extract(course(policies__r__policy=broken, policies__r__grading_policy=grading))
    assert set(found.errors) == {"course/policies/r/policy.json"}
    assert len(found.rows("course_grading_policy")) == 1
    assert found.rows("course_policy") == []


def test_certificates_and_policy_rows_reach_their_files(extract: Extract) -> None:
    signatory = {"id": 3, "name": "Ada"}
    said = {"tabs": [{"type": "wiki"}], "certificates": {"certificates": [{"id": 9, "signatories": [signatory]}]}}
    found = extract(course(policies__r__policy={"course/r": said}))
    assert found.rows("course_certificate_signatory") == [
        signatory | {"course_id": "course-v1:o+c+r", "certificate_id": 9}
    ]
    assert [row["tabs"] for row in found.rows("course_policy")] == [[{"type": "wiki"}]]
