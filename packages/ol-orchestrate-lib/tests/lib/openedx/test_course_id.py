"""Keys in all their forms, held against the package that Open edX itself uses."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey as OpenEdxCourseKey
from opaque_keys.edx.keys import UsageKey
from opaque_keys.edx.locator import LibraryLocatorV2

from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.openedx.course_id import CourseKey, KeyForm

ALPHABET = "abcXYZ019_-~.éЮ能"
parts = st.text(ALPHABET + ":", min_size=1, max_size=12)
old_parts = st.text(ALPHABET.replace("~", "%"), min_size=1, max_size=12)
modern_keys = st.builds(CourseKey, parts, parts, parts)
old_keys = st.builds(CourseKey, old_parts, old_parts, old_parts, form=st.just(KeyForm.OLD_COURSE))
library_keys = st.builds(CourseKey, parts, parts, form=st.just(KeyForm.LIBRARY))
ccx_keys = st.builds(CourseKey, parts, parts, parts, st.integers(0, 10**9).map(str), form=st.just(KeyForm.CCX))
all_keys = st.one_of(modern_keys, old_keys, library_keys, ccx_keys)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("course-v1:MITx+6.00x+2T2024", CourseKey("MITx", "6.00x", "2T2024")),
        ("MITx/6.00x/2T2024", CourseKey("MITx", "6.00x", "2T2024", form=KeyForm.OLD_COURSE)),
        ("ccx-v1:MITx+6.00x+2T2024+ccx@42", CourseKey("MITx", "6.00x", "2T2024", "42", KeyForm.CCX)),
        ("library-v1:TestX+ProblemBank", CourseKey("TestX", "ProblemBank", form=KeyForm.LIBRARY)),
        ("lib:TestX:bank-1", CourseKey("TestX", "bank-1", form=KeyForm.LIBRARY_V2)),
        ("course-v1:Юник+ода~.-_:+r", CourseKey("Юник", "ода~.-_:", "r")),
    ],
)
def test_each_form_is_read_and_written_back(text: str, expected: CourseKey) -> None:
    assert CourseKey.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "course-v1:",
        "course-v1:a+b",
        "course-v1:a+b+c+d",
        "course-v1:a b+c+d",
        "course-v1:a++c",
        "course-v1:a+b+c\n",
        " course-v1:a+b+c",
        "course-v1:a+b+c+branch@draft",
        "COURSE-V1:a+b+c",
        "course-v1:a/b/c",
        "a/b",
        "a/b/c/d",
        "a/b/c:d",
        "a//c",
        "i4x://a/b/problem/c",
        "library-v1:a",
        "library-v1:a+b+c",
        "lib:a",
        "lib:a:b:c",
        "ccx-v1:a+b+c",
        "ccx-v1:a+b+c+ccx@",
        "ccx-v1:a+b+c+ccx@x",
        "MITx-15.415x-3T2018-course|edge",
    ],
)
def test_what_is_no_key_is_refused_with_a_message_that_shows_the_forms(text: str) -> None:
    with pytest.raises(MalformedInput, match="course-v1:ORG") as refused:
        CourseKey.parse(text)
    assert refused.value.source == text
    assert refused.value.reason == "bad_course_key"


def test_parts_that_no_key_may_hold_are_refused_when_a_key_is_made() -> None:
    with pytest.raises(MalformedInput):
        CourseKey("MIT x", "6.00x", "2024")
    with pytest.raises(MalformedInput):
        CourseKey("MITx", "6.00x")


def test_the_same_run_in_its_other_forms() -> None:
    modern, old = CourseKey.parse("course-v1:MITx+6.00x+2T2024"), CourseKey.parse("MITx/6.00x/2T2024")
    assert modern.old == str(old)
    assert old.modern == str(modern)
    assert modern.modern == str(modern)
    library = CourseKey.parse("library-v1:TestX+Bank")
    assert (library.old, library.modern, library.run, library.is_library) == (None, str(library), None, True)
    ccx = CourseKey.parse("ccx-v1:a+b+c+ccx@1")
    assert (ccx.old, ccx.modern, ccx.is_library) == (None, str(ccx), False)


@pytest.mark.parametrize(
    ("text", "problem", "root"),
    [
        ("course-v1:o+c+r", "block-v1:o+c+r+type@problem+block@p1", "block-v1:o+c+r+type@course+block@course"),
        ("o/c/r", "i4x://o/c/problem/p1", "i4x://o/c/course/r"),
        (
            "ccx-v1:o+c+r+ccx@7",
            "ccx-block-v1:o+c+r+ccx@7+type@problem+block@p1",
            "ccx-block-v1:o+c+r+ccx@7+type@course+block@course",
        ),
        ("library-v1:o+l", "lib-block-v1:o+l+type@problem+block@p1", "lib-block-v1:o+l+type@library+block@library"),
        ("lib:o:l", "lb:o:l:problem:p1", "lb:o:l:library:library"),
    ],
)
def test_usage_keys(text: str, problem: str, root: str) -> None:
    key = CourseKey.parse(text)
    assert key.usage_key("problem", "p1") == problem
    assert key.root_usage_key == root


@given(all_keys)
def test_every_key_survives_being_written_and_read(key: CourseKey) -> None:
    assert CourseKey.parse(str(key)) == key


@given(st.text(max_size=40))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    try:
        key = CourseKey.parse(text)
    except MalformedInput:
        return
    assert str(key) == text


@given(st.one_of(all_keys.map(str), st.text("ab+/:@.%-course-v1", max_size=30)))
def test_open_edx_reads_the_same_parts_from_what_both_read(text: str) -> None:
    try:
        ours = CourseKey.parse(text)
        theirs = OpenEdxCourseKey.from_string(text)
    except (MalformedInput, InvalidKeyError):
        return
    with warnings.catch_warnings(action="ignore"):
        assert (ours.org, ours.course) == (theirs.org, theirs.course)
    assert ours.is_library or ours.run == theirs.run
    assert str(theirs) == text


@given(st.one_of(modern_keys, old_keys, library_keys))
def test_open_edx_reads_every_key_we_write(key: CourseKey) -> None:
    assert str(OpenEdxCourseKey.from_string(str(key))) == str(key)


@given(st.one_of(modern_keys, library_keys), st.text("abc_-", min_size=1), st.text("abc019_-.", min_size=1))
def test_open_edx_reads_every_usage_key_we_write(key: CourseKey, block_type: str, block_id: str) -> None:
    theirs = UsageKey.from_string(key.usage_key(block_type, block_id))
    assert (theirs.block_type, theirs.block_id) == (block_type, block_id)
    assert str(theirs.course_key) == str(key)


def test_open_edx_reads_our_version_2_library_key() -> None:
    assert str(LibraryLocatorV2.from_string("lib:TestX:bank")) == str(CourseKey.parse("lib:TestX:bank"))
