"""The policy, certificates and grading of a course."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ol_orchestrate.lib.openedx.olx_policy import (
    BadPolicy,
    Policy,
    course_policy_rows,
    grading_row,
    policy_entries,
    read_policy,
    signatory_rows,
    yes_or_no,
)

RUN = "course-v1:o+c+r"
ada = {"id": 1, "name": "Ada", "title": "Professor", "organization": "O", "signature_image_path": "/a.png"}
bob = {"id": 2, "name": "Bob", "certificate": None}


def certificates(value: object) -> Policy:
    return Policy({"course/r": {"certificates": value}})


def test_a_policy_is_one_json_object() -> None:
    assert read_policy(b'{"course/r": {"start": "2015"}}') == {"course/r": {"start": "2015"}}
    assert read_policy(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize(
    "content", [b"", b"x:1", b"[]", b'"text"', b"{", b"{}}", b'{"a": NaN}', b"\xff", b"[" * 100_000, b'{"a": "\xff"}']
)
def test_what_is_no_policy_says_so(content: bytes) -> None:
    with pytest.raises(BadPolicy, match="not a JSON object"):
        read_policy(content)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_policy_or_refused(content: bytes) -> None:
    try:
        policy = read_policy(content)
    except BadPolicy:
        return
    assert isinstance(policy, dict)


def test_entries_that_are_no_objects_speak_of_no_block() -> None:
    assert policy_entries({"course/r": {"a": 1}, "checklists": [1], "x": None}) == {"course/r": {"a": 1}}


def test_what_the_policy_says_of_a_block() -> None:
    policy = Policy({"problem/p": {"weight": 4}})
    assert policy.of("problem", "p") == {"weight": 4}
    assert policy.of("problem", "q") == policy.of("problem", None) == {}


def test_a_course_policy_that_says_nothing_has_the_defaults() -> None:
    assert list(course_policy_rows(RUN, Policy({"course/r": {"tabs": None}, "problem/p": {}}))) == [
        {
            "course_id": RUN,
            "advanced_modules": [],
            "discussions_settings": {},
            "display_coursenumber": "",
            "self_paced": None,
            "tabs": [],
            "tags": [],
        }
    ]


def test_a_course_policy_as_it_is_written() -> None:
    said = {
        "advanced_modules": ["poll"],
        "discussions_settings": {"enable_in_context": True},
        "display_coursenumber": "6.00x",
        "self_paced": True,
        "tabs": [{"type": "wiki"}],
        "tags": ["t"],
    }
    assert list(course_policy_rows(RUN, Policy({"course/r": said | {"start": "2015"}}))) == [said | {"course_id": RUN}]


def test_no_policy_no_row() -> None:
    assert list(course_policy_rows(RUN, Policy())) == []
    assert list(signatory_rows(RUN, Policy())) == []


def test_each_signatory_of_each_certificate() -> None:
    policy = certificates({"certificates": [{"id": 7, "signatories": [ada, bob]}, {"signatories": [ada]}]})
    assert list(signatory_rows(RUN, policy)) == [
        ada | {"course_id": RUN, "certificate_id": 7},
        bob | {"course_id": RUN, "certificate_id": 7},
        ada | {"course_id": RUN, "certificate_id": None},
    ]


@pytest.mark.parametrize(
    "value", [None, [], "x", {"certificates": None}, {"certificates": {}}, {"certificates": [None, {"signatories": 3}]}]
)
def test_certificates_of_another_shape_have_no_signatories(value: object) -> None:
    assert list(signatory_rows(RUN, certificates(value))) == []


def test_a_signatory_cannot_name_another_course() -> None:
    policy = certificates({"certificates": [{"id": 1, "signatories": [{"course_id": "x", "certificate_id": "y"}]}]})
    assert list(signatory_rows(RUN, policy)) == [{"course_id": RUN, "certificate_id": 1}]


def test_grading() -> None:
    grader = [{"type": "Homework", "min_count": 12, "drop_count": 2, "short_label": "HW", "weight": 0.15}]
    assert grading_row(RUN, {"GRADER": grader, "GRADE_CUTOFFS": {"Pass": 0.5}}) == {
        "course_id": RUN,
        "grader": grader,
        "grade_cutoffs": {"Pass": 0.5},
    }
    assert grading_row(RUN, {}) == {"course_id": RUN, "grader": [], "grade_cutoffs": {}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("false", False),
        ("False", False),
        ('"false"', False),
        ("true", True),
        (" True ", True),
        (True, True),
        (False, False),
        (None, None),
        ("null", None),
        ("", None),
        ("perhaps", None),
        (1, None),
    ],
)
def test_the_word_false_is_no(value: object, *, expected: bool | None) -> None:
    assert yes_or_no(value) is expected
