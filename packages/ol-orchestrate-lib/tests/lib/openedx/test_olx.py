"""A whole archive in, all outputs out: the samples, one course by heart, and runs that repeat or fail."""

import gzip
import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ol_orchestrate.lib.errors import MalformedInput, StorageFull
from ol_orchestrate.lib.openedx.olx import COUNTED_TYPES, PARSER_VERSION, Noun, extract_course
from ol_orchestrate.lib.openedx.olx_archive import ArchiveLimits

GOLDEN = Path(__file__).parent / "olx_golden"

# What each sample holds: key, start (policy first), then the number of blocks of each counted type.
SAMPLES = {
    "demo-content-library": ("library-v1:OpenedX+DemoRespiratoryQuestions", None, 0, 0, 0, 6, 0, 0),
    "edx-platform-graded": ("course-v1:edX+graded+2012_Fall", "2010-07-17T12:00", 1, 0, 3, 8, 0, 0),
    "edx-platform-import_draft_order": (
        "course-v1:test_org+import_draft_order+import_draft_order",
        *(None, 1, 2, 3, 0, 0, 0),
    ),
    "edx-platform-manual-testing-complete": (
        "course-v1:ManTestX+ManTest1+2014",
        *("2014-06-26T00:00:00Z", 10, 54, 38, 24, 1, 1),
    ),
    "edx-platform-simple": ("course-v1:edX+simple+2012_Fall", None, 2, 3, 1, 2, 4, 2),
    "edx-platform-toy": ("course-v1:edX+toy+2012_Fall", "2015-07-17T12:00", 5, 1, 1, 0, 8, 10),
    "edx-platform-two_toys": ("course-v1:edX+toy+TT_2012_Fall", "2015-07-17T12:00", 1, 0, 0, 0, 2, 0),
    "mitx-grading-library-course": (
        "course-v1:MITx+grading-library+course",
        *("2017-01-01T10:00:00Z", 2, 10, 63, 53, 0, 10),
    ),
    "openedx-demo-course": ("course-v1:OpenedX+DemoX+DemoCourse", "2020-01-01T00:00:00Z", 6, 17, 58, 29, 11, 266),
    "openedx-test-course": ("course-v1:TestX+Course+1", "2022-04-09T00:00:00Z", 2, 3, 28, 19, 3, 17),
    "openedx-test-problem-bank": ("library-v1:TestX+ProblemBank", "2030-01-01T00:00:00Z", 0, 0, 0, 12, 0, 0),
    "xbundle-mitx.01": ("course-v1:MITx+mitx.01+2013_Spring", None, 1, 1, 0, 0, 0, 1),
    "xbundle-sections": ("course-v1:MITx+mitx.01+2013_Spring", None, 1, 1, 0, 0, 0, 0),
}
UNREADABLE = {
    "xbundle-mitx.01": ["course/policies/2013_Spring/" + name for name in ("grading_policy.json", "policy.json")]
}


def rows(directory: Path, noun: Noun) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / f"{noun}{noun.extension}").read_bytes().splitlines()]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_hold_what_they_are_known_to_hold(sample_data: Path, tmp_path: Path, name: str) -> None:
    found = extract_course(sample_data / "olx" / f"{name}.tar.gz", tmp_path, source_system="sample")
    key, start, *counts = SAMPLES[name]
    assert (str(found.key), str(found.archive_key), found.start) == (key, key, start)
    assert found.counts == dict(zip(COUNTED_TYPES, counts, strict=True))
    assert [error.path for error in found.errors] == UNREADABLE.get(name, [])


@pytest.mark.parametrize("name", SAMPLES)
def test_the_outline_of_each_sample_is_a_tree_of_unique_blocks(sample_data: Path, tmp_path: Path, name: str) -> None:
    extract_course(sample_data / "olx" / f"{name}.tar.gz", tmp_path, source_system="sample")
    outline = rows(tmp_path, Noun.COURSE_OUTLINE)
    keys = [row["usage_key"] for row in outline]
    assert len(keys) == len(set(keys))
    assert {row["parent_usage_key"] for row in outline[1:]} <= set(keys)
    assert [row["depth"] for row in outline if row["parent_usage_key"] is None] == [0]


def test_the_sample_of_an_edx_org_package_lacks_its_course_file(sample_data: Path, tmp_path: Path) -> None:
    (path,) = sample_data.glob("data-package/*/state/*.xml.tar.gz")
    found = extract_course(path, tmp_path, source_system="edxorg")
    assert str(found.key) == "course-v1:ExampleX+Acceptance+accept"
    assert [error.path for error in found.errors] == ["foo_bar_baz/course/accept.xml"]


def pack_golden(path: Path) -> Path:
    """The raw files of the golden course, as an archive."""
    raw = GOLDEN / "raw"
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted(raw.rglob("*")):
            archive.add(file, str(file.relative_to(raw)), recursive=False)
    return path


@pytest.mark.parametrize("noun", Noun)
def test_one_course_by_heart(tmp_path: Path, noun: Noun) -> None:
    archive = pack_golden(tmp_path / "course.tar.gz")
    found = extract_course(archive, tmp_path, source_system="mitx", course_id="course-v1:ExampleX+EX101+2T2026")
    written = found.outputs[noun]
    assert written.path.read_text() == (GOLDEN / "expected" / f"{noun}{noun.extension}").read_text()
    assert written.rows == len(written.path.read_bytes().splitlines())


def test_every_noun_has_a_file_even_without_rows(extract: Callable[..., Any]) -> None:
    found = extract({"course.xml": '<course url_name="r" org="o" course="c"><chapter/></course>'})
    assert set(found.extract.outputs) == set(Noun)
    assert {noun: written.rows for noun, written in found.extract.outputs.items() if written.rows} == {
        Noun.COURSE_METADATA: 1,
        Noun.COURSE_OUTLINE: 2,
    }
    assert all(written.path.is_file() for written in found.extract.outputs.values())


def test_the_same_archive_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    archive = pack_golden(tmp_path / "course.tar.gz")
    contents = []
    for name in ("first", "second"):
        directory = tmp_path / name
        directory.mkdir()
        found = extract_course(archive, directory, source_system="mitx")
        contents.append({noun: written.path.read_bytes() for noun, written in found.outputs.items()})
    assert contents[0] == contents[1]


def test_nothing_but_the_outputs_is_left_in_the_directory(tmp_path: Path) -> None:
    directory = tmp_path / "out"
    directory.mkdir()
    found = extract_course(pack_golden(tmp_path / "course.tar.gz"), directory, source_system="mitx")
    assert set(directory.iterdir()) == {written.path for written in found.outputs.values()}


@pytest.mark.parametrize("keep", [0, 30, 300, -1])
def test_an_archive_cut_short_leaves_nothing(tmp_path: Path, keep: int) -> None:
    whole = pack_golden(tmp_path / "course.tar.gz").read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole[:keep])
    directory = tmp_path / "out"
    directory.mkdir()
    with pytest.raises(MalformedInput, match=re.escape(str(cut))):
        extract_course(cut, directory, source_system="mitx")
    assert list(directory.iterdir()) == []


def test_limits_reach_the_archive(tmp_path: Path) -> None:
    with pytest.raises(MalformedInput, match="more than 3 members"):
        extract_course(
            pack_golden(tmp_path / "course.tar.gz"), tmp_path, source_system="mitx", limits=ArchiveLimits(members=3)
        )


def test_a_bomb_of_zeros_stops_at_the_limit(tmp_path: Path) -> None:
    header = tarfile.TarInfo("course/static/bomb")
    header.size = 1 << 33
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT)))
    with pytest.raises(MalformedInput, match="unpacks to more than"):
        extract_course(path, tmp_path, source_system="mitx", limits=ArchiveLimits(total_bytes=1 << 30))


def test_a_full_disk_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = pack_golden(tmp_path / "course.tar.gz")
    monkeypatch.setattr("ol_orchestrate.lib.openedx.olx._json_line", no_room)
    with pytest.raises(StorageFull, match=re.escape(str(tmp_path))):
        extract_course(archive, tmp_path, source_system="mitx")


def no_room(_row: object) -> bytes:
    raise OSError(28, "No space left on device")


def test_the_parser_has_a_name_and_a_number() -> None:
    assert re.fullmatch(r"olx/\d+", PARSER_VERSION)
