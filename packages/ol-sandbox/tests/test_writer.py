"""Files are in place whole or not at all."""

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ol_sandbox.writer import SandboxWriter, open_gzip, write_gzip_lines

LINES = st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line), max_size=900)


@given(lines=LINES, final_newline=st.booleans(), members=st.booleans())
def test_lines_come_back_whatever_the_container(*, lines: list[bytes], final_newline: bool, members: bool) -> None:
    file = io.BytesIO()
    write_gzip_lines(file, lines, final_newline=final_newline, members=members)
    content = gzip.decompress(file.getvalue()) if lines else file.getvalue()
    assert content == b"\n".join(lines) + (b"\n" if final_newline and lines else b"")


def test_members_are_joined_every_200_lines() -> None:
    file = io.BytesIO()
    write_gzip_lines(file, [b"x"] * 401, final_newline=True, members=True)
    assert file.getvalue().count(b"\x1f\x8b\x08") == 3


def test_a_gzip_header_tells_neither_name_nor_time() -> None:
    file = io.BytesIO()
    with open_gzip(file) as packed:
        packed.write(b"x")
    flags, stamp = file.getvalue()[3], file.getvalue()[4:8]
    assert (flags, stamp) == (0, b"\0\0\0\0")


def write_and_fail(output: Path) -> None:
    with SandboxWriter.open(output) as writer, writer.place("a/b.txt") as file:
        file.write(b"ne")
        raise OSError("disk full")


def test_a_file_that_fails_halfway_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    with SandboxWriter.open(tmp_path) as writer, writer.place("a/b.txt") as file:
        file.write(b"old")
    with pytest.raises(OSError, match="disk full"):
        write_and_fail(tmp_path)
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"old"
    with SandboxWriter.open(tmp_path) as writer, writer.place("a/b.txt") as file:
        file.write(b"new")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"new"
    assert list((tmp_path / ".sandbox" / "scratch").iterdir()) == []


def test_unfinished_files_are_never_where_sources_are_looked_for(tmp_path: Path) -> None:
    with SandboxWriter.open(tmp_path) as writer, writer.place("sources/tracking.log-20260302.gz") as file:
        file.write(b"x")
        assert list((tmp_path).glob("sources/**/*")) == []


def test_a_journal_cannot_make_it_remove_what_is_not_below_the_output(tmp_path: Path) -> None:
    outside, output = tmp_path / "outside.txt", tmp_path / "output"
    outside.write_text("precious")
    with SandboxWriter.open(output):
        pass
    (output / ".sandbox" / "files.txt").write_text("../outside.txt\n")
    with SandboxWriter.open(output) as writer:
        pass
    assert outside.read_text() == "precious"
    assert writer.removed == []


def test_files_are_readable_by_others(tmp_path: Path) -> None:
    with SandboxWriter.open(tmp_path) as writer, writer.place("a.txt") as file:
        file.write(b"x")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def write_half(writer: SandboxWriter) -> None:
    with writer.place_path("a/c") as scratch:
        scratch.write_bytes(b"half")
        raise InterruptedError


def test_a_path_is_placed_whole_or_not_at_all(tmp_path: Path) -> None:
    with SandboxWriter.open(tmp_path) as writer:
        with writer.place_path("a/b") as scratch:
            assert not scratch.exists()
            scratch.write_bytes(b"new")
        with pytest.raises(InterruptedError):
            write_half(writer)
        with writer.scratch_path() as scratch:
            scratch.write_bytes(b"nobody's")
        assert not scratch.exists()
    assert writer.changed == ["a/b"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and ".sandbox" not in path.parts] == ["b"]


def test_adding_leaves_what_is_there_and_the_next_build_takes_the_addition_away(tmp_path: Path) -> None:
    with SandboxWriter.open(tmp_path) as writer, writer.place("first") as file:
        file.write(b"1")
    with SandboxWriter.adding(tmp_path) as writer, writer.place("second") as file:
        file.write(b"2")
    assert (tmp_path / "first").exists()
    with SandboxWriter.open(tmp_path) as writer, writer.place("first") as file:
        file.write(b"1")
    assert (writer.changed, writer.removed) == ([], ["second"])
