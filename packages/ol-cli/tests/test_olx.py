"""`olp olx extract`, as somebody types it."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ol_cli.main import cli

COURSE = {
    "course/course.xml": '<course url_name="r" org="o" course="c"/>',
    "course/course/r.xml": '<course display_name="Ünits" start="2026-01-01"><chapter url_name="c1"/></course>',
    "course/chapter/c1.xml": "<chapter><vertical><problem/><video/></vertical></chapter>",
}
NOUNS = {
    *("course_metadata.json", "course_video.jsonl", "course_policy.jsonl", "course_grading_policy.jsonl"),
    *("course_certificate_signatory.jsonl", "course_xml_blocks.jsonl", "course_outline.jsonl"),
}


def pack(path: Path, members: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return pack(tmp_path / "course.tar.gz", COURSE)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["olx", *map(str, arguments)])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_is_a_group_of_olp() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "extract" in result.stdout


def test_json_is_one_object_with_the_promised_fields(archive: Path, tmp_path: Path) -> None:
    result = run("extract", archive, "--output", tmp_path / "out", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    assert json.loads(result.stdout) == {
        "course_key": "course-v1:o+c+r",
        "course_key_old": "o/c/r",
        "org": "o",
        "course": "c",
        "run": "r",
        "start": "2026-01-01",
        "title": "Ünits",
        "counts": {"chapter": 1, "sequential": 0, "vertical": 1, "problem": 1, "video": 1, "html": 0},
        "errors": [],
    }


def test_the_folder_holds_every_output_and_nothing_else(archive: Path, tmp_path: Path) -> None:
    run("extract", archive, "--output", tmp_path / "new" / "out")
    assert names(tmp_path / "new" / "out") == NOUNS
    assert len((tmp_path / "new" / "out" / "course_outline.jsonl").read_text().splitlines()) == 5


def test_without_json_it_tells_in_words(archive: Path, tmp_path: Path) -> None:
    result = run("extract", archive, "--output", tmp_path / "out")
    assert result.exit_code == 0
    assert "course-v1:o+c+r Ünits" in result.stdout
    assert "1 chapter" in result.stdout
    assert "course_outline.jsonl" in result.stdout


def test_members_that_cannot_be_read_are_listed_and_the_rest_is_written(tmp_path: Path) -> None:
    archive = pack(tmp_path / "course.tar.gz", COURSE | {"course/video/bad.xml": "<video"})
    result = run("extract", archive, "--output", tmp_path / "out", "--json")
    assert result.exit_code == 0
    (error,) = json.loads(result.stdout)["errors"]
    assert error["path"] == "course/video/bad.xml"
    assert error["reason"].startswith("not well-formed XML")
    assert "course/video/bad.xml" in result.stderr


def test_a_library_has_no_run_and_no_old_key(tmp_path: Path) -> None:
    library = '<library org="o" library="Bank"><problem url_name="p"/></library>'
    archive = pack(tmp_path / "l.tar.gz", {"library/library.xml": library, "library/problem/p.xml": "<problem/>"})
    summary = json.loads(run("extract", archive, "--output", tmp_path / "out", "--json").stdout)
    assert (summary["course_key"], summary["course_key_old"], summary["run"]) == ("library-v1:o+Bank", None, None)
    assert (summary["course"], summary["counts"]["problem"]) == ("Bank", 1)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00 cut"])
def test_an_unreadable_archive_is_exit_1_and_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "course.tar.gz"
    path.write_bytes(content)
    result = run("extract", path, "--output", tmp_path / "out", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert str(path) in result.stderr
    assert "xport" in result.stderr


def test_an_archive_cut_short_leaves_what_was_there(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("extract", archive, "--output", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    archive.write_bytes(archive.read_bytes()[:-20])
    assert run("extract", archive, "--output", out).exit_code == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_second_run_replaces_what_was_there(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("extract", archive, "--output", out)
    (out / "course_outline.jsonl").write_text("half a li")
    assert run("extract", archive, "--output", out).exit_code == 0
    assert len((out / "course_outline.jsonl").read_text().splitlines()) == 5
    assert names(out) == NOUNS


def test_an_output_that_cannot_be_a_folder_is_exit_1(archive: Path) -> None:
    result = run("extract", archive, "--output", archive.parent / "course.tar.gz" / "out")
    assert result.exit_code == 1
    assert "Cannot extract" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["extract"], ["extract", "missing.tar.gz", "--output", "out"], ["extract", ".", "--output", "out"]],
)
def test_usage_is_exit_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_an_output_must_be_named(archive: Path) -> None:
    assert run("extract", archive).exit_code == 2


def test_reading_a_course_does_not_import_dagster() -> None:
    code = "import sys, ol_cli.olx; sys.exit(bool({'dagster', 'pyarrow', 'duckdb'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_samples(sample_data: Path, tmp_path: Path) -> None:
    summary = json.loads(
        run("extract", sample_data / "olx" / "edx-platform-toy.tar.gz", "--output", tmp_path, "--json").stdout
    )
    assert summary == {
        "course_key": "course-v1:edX+toy+2012_Fall",
        "course_key_old": "edX/toy/2012_Fall",
        "org": "edX",
        "course": "toy",
        "run": "2012_Fall",
        "start": "2015-07-17T12:00",
        "title": "Toy Course",
        "counts": {"chapter": 5, "sequential": 1, "vertical": 1, "problem": 0, "video": 8, "html": 10},
        "errors": [],
    }
