"""The tar reader, held against `tarfile` on what both read, and against archives made to harm."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.openedx.olx_archive import ArchiveLimits, ArchiveReader, Member, MemberKind, open_archive
from ol_orchestrate.lib.openedx.olx_stream import ArchiveStream

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
names = st.text("abzé能 .-_", min_size=1, max_size=60).filter(lambda name: name not in {".", ".."})
paths = st.lists(names, min_size=1, max_size=5).map("/".join)
Special = Callable[..., tarfile.TarInfo]


def reader(content: bytes, limits: ArchiveLimits | None = None) -> ArchiveReader:
    limits = limits or ArchiveLimits()
    return ArchiveReader(ArchiveStream(io.BytesIO(content), "test.tar", limits.total_bytes), limits)


def members(path: Path, limits: ArchiveLimits | None = None) -> list[Member]:
    with open_archive(path, limits or ArchiveLimits()) as archive:
        return list(archive)


def contents(content: bytes) -> dict[str, bytes]:
    archive = reader(content)
    return {member.path: archive.read() for member in archive}


def packed(files: dict[str, bytes], tar_format: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@given(st.dictionaries(paths, st.binary(max_size=2000), max_size=6), st.sampled_from(FORMATS[1:]))
def test_names_and_contents_of_any_archive_tarfile_writes(files: dict[str, bytes], tar_format: int) -> None:
    assert contents(packed(files, tar_format)) == files


@pytest.mark.parametrize("tar_format", FORMATS)
@pytest.mark.parametrize("path", ["a", "x" * 99, "d" * 100 + "/" + "f" * 50, "course/é能.xml"])
def test_long_and_foreign_names_in_every_format(path: str, tar_format: int) -> None:
    assert contents(packed({path: b"content"}, tar_format)) == {path: b"content"}


@pytest.mark.parametrize("tar_format", FORMATS[1:])
def test_names_longer_than_any_header(tar_format: int) -> None:
    path = "/".join(["folder" * 20] * 5)
    assert contents(packed({path: b"content", "next": b"1"}, tar_format)) == {path: b"content", "next": b"1"}


def test_contents_that_are_not_asked_for_are_skipped() -> None:
    archive = reader(packed({"a": b"1" * 1000, "b": b"2" * 700_000, "c": b"3"}, tarfile.PAX_FORMAT))
    assert [(member.path, archive.read() if member.path == "c" else b"") for member in archive] == [
        ("a", b""),
        ("b", b""),
        ("c", b"3"),
    ]


@pytest.mark.parametrize("zipped", [True, False], ids=["gzip", "plain tar under a .gz name"])
def test_gzip_or_not_is_told_by_the_first_bytes(pack: Callable[..., Path], *, zipped: bool) -> None:
    assert [member.path for member in members(pack({"course/course.xml": "<course/>"}, zipped=zipped))] == [
        "course/course.xml"
    ]


def test_members_as_they_are_met(pack: Callable[..., Path], special: Special) -> None:
    path = pack(
        {
            "./course": special(tarfile.DIRTYPE),
            "./course//a.xml": "<a/>",
            "course/link.xml": special(tarfile.SYMTYPE, "roots/../roots/r.xml"),
            "course/deep/up.xml": special(tarfile.SYMTYPE, "../a.xml"),
            "course/hard.xml": special(tarfile.LNKTYPE, "course/a.xml"),
        }
    )
    assert members(path) == [
        Member("course", MemberKind.DIRECTORY, 0),
        Member("course/a.xml", MemberKind.FILE, 4),
        Member("course/link.xml", MemberKind.LINK, 0, "course/roots/r.xml"),
        Member("course/deep/up.xml", MemberKind.LINK, 0, "course/a.xml"),
        Member("course/hard.xml", MemberKind.LINK, 0, "course/a.xml"),
    ]


@pytest.mark.parametrize(
    ("path", "member", "why"),
    [
        ("../../etc/passwd", "root", "path leads out"),
        ("course/../../x", "root", "path leads out"),
        ("course/../course.xml", "root", "path leads out"),
        ("/etc/passwd", "root", "path leads out"),
        ("course/a.xml", (tarfile.SYMTYPE, "../../secret"), "link out of the archive"),
        ("course/a.xml", (tarfile.SYMTYPE, "/etc/passwd"), "link out of the archive"),
        ("course/a.xml", (tarfile.LNKTYPE, "../secret"), "link out of the archive"),
        ("course/a.xml", (tarfile.LNKTYPE, "/etc/passwd"), "link out of the archive"),
        ("course/a.xml", (tarfile.CHRTYPE,), "device"),
        ("course/a.xml", (tarfile.FIFOTYPE,), "device"),
        ("course/a.xml", (b"V",), "device"),
    ],
)
def test_hostile_members_are_refused_and_their_siblings_kept(
    pack: Callable[..., Path], special: Special, path: str, member: str | tuple[bytes, str], why: str
) -> None:
    hostile = member if isinstance(member, str) else special(*member)
    refused, kept = members(pack({path: hostile, "course/course.xml": "<course/>"}))
    assert why in refused.refused
    assert kept == Member("course/course.xml", MemberKind.FILE, 9)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hello", "not_an_archive"),
        (b"<html>" * 1000, "not_an_archive"),
        (b"PK\x03\x04" + bytes(2000), "not_an_archive"),
        (gzip.compress(b"<html>" * 1000), "not_an_archive"),
        (packed({"a": b"1" * 5000}, tarfile.PAX_FORMAT)[:3000], "cut_short"),
        (gzip.compress(packed({"a": b"1" * 5000}, tarfile.PAX_FORMAT))[:-9], "cut_short"),
        (packed({"a": b"1" * 512}, tarfile.PAX_FORMAT)[:1024] + b"?" * 512, "damaged"),
        (packed({"a": b"1" * 512}, tarfile.PAX_FORMAT)[:1100], "damaged"),
    ],
    ids=["text", "web page", "zip", "gzipped web page", "cut tar", "cut gzip", "bad header", "cut header"],
)
def test_what_cannot_be_read_as_a_whole_is_refused_as_a_whole(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "course.tar.gz"
    path.write_bytes(content)
    with pytest.raises(MalformedInput, match=r"Cannot read .*course\.tar\.gz as a course archive") as failure:
        members(path)
    assert failure.value.reason == reason


@pytest.mark.parametrize("content", [b"", bytes(512), bytes(10240)], ids=["empty", "one block", "tape record"])
def test_an_archive_of_nothing_has_no_members(content: bytes) -> None:
    assert list(reader(content)) == []


def test_an_archive_without_its_closing_zeros_is_whole() -> None:
    whole = packed({"a": b"1" * 512}, tarfile.USTAR_FORMAT)
    assert contents(whole[:1024]) == {"a": b"1" * 512}


def header(name: bytes = b"a", size: bytes = b"00000000004\0", flag: bytes = b"0") -> bytes:
    """A header with its checksum right, whatever else is wrong."""
    fields = name.ljust(100, b"\0") + bytes(24) + size + bytes(12) + b" " * 8 + flag + bytes(355)
    checksum = f"{sum(fields):06o}\0 ".encode()
    return fields[:148] + checksum + fields[156:]


def test_a_giant_declared_size_is_refused_before_anything_is_read() -> None:
    giant = b"\x80" + (1 << 60).to_bytes(11)
    with pytest.raises(MalformedInput, match="unpacks to more than") as failure:
        list(reader(header(size=giant)))
    assert failure.value.reason == "too_large"


def test_a_size_past_8_gib_is_read() -> None:
    large = b"\x80" + (9 << 30).to_bytes(11)
    with pytest.raises(MalformedInput) as failure:
        list(reader(header(size=large)))
    assert failure.value.reason == "cut_short"


@pytest.mark.parametrize("size", [b"-0000000004\0", b"9999\0\0\0\0\0\0\0\0", b"\xff" * 12, b"0x10\0\0\0\0\0\0\0\0"])
def test_a_garbled_size_is_damage(size: bytes) -> None:
    with pytest.raises(MalformedInput, match="garbled size"):
        list(reader(header(size=size)))


def test_a_sparse_file_is_refused_with_the_way_out() -> None:
    with pytest.raises(MalformedInput, match="--format=ustar") as failure:
        list(reader(header(flag=b"S")))
    assert failure.value.reason == "sparse"


@pytest.mark.parametrize("flag", [b"x", b"L"])
def test_a_name_record_that_belongs_to_nothing_is_damage(flag: bytes) -> None:
    with pytest.raises(MalformedInput, match="belongs to no member"):
        list(reader(header(flag=flag, size=b"00000000000\0") + bytes(1024)))


def test_a_name_record_of_megabytes_is_damage() -> None:
    with pytest.raises(MalformedInput, match="record declares"):
        list(reader(header(flag=b"L", size=b"00100000000\0")))


def test_endless_name_records_end_at_the_limit() -> None:
    records = header(flag=b"g", size=b"00000001000\0") + bytes(512)
    with pytest.raises(MalformedInput) as failure:
        list(reader(records * 3000, ArchiveLimits(total_bytes=1_000_000)))
    assert failure.value.reason == "too_large"


@pytest.mark.parametrize("record", [b"x", b"5 a=b\n", b"0 path=a\n", b"99999999999999999999999 path=a\n", b"9 path\n"])
def test_a_garbled_attribute_record_is_damage(record: bytes) -> None:
    size = f"{len(record):011o}\0".encode()
    with pytest.raises(MalformedInput, match="attribute record is garbled"):
        list(reader(header(flag=b"x", size=size) + record.ljust(512, b"\0") + header() + bytes(512)))


def test_an_attribute_record_may_hold_a_size_that_is_no_number() -> None:
    record = b"10 size=x\n"
    size = f"{len(record):011o}\0".encode()
    with pytest.raises(MalformedInput, match="garbled size"):
        list(reader(header(flag=b"x", size=size) + record.ljust(512, b"\0") + header() + bytes(512)))


def test_names_that_are_no_utf8_stay_apart() -> None:
    first, second = header(b"caf\xe9", b"00000000000\0"), header(b"caf\xe8", b"00000000000\0")
    assert [member.path for member in reader(first + second)] == [r"caf\xe9", r"caf\xe8"]


def test_more_members_than_the_limit_are_refused() -> None:
    content = packed({f"m{number}": b"" for number in range(11)}, tarfile.PAX_FORMAT)
    assert len(list(reader(content, ArchiveLimits(members=11)))) == 11
    with pytest.raises(MalformedInput, match="more than 10 members") as failure:
        list(reader(content, ArchiveLimits(members=10)))
    assert failure.value.reason == "too_many_members"


def test_more_bytes_than_the_limit_are_refused() -> None:
    content = packed({"a": bytes(100_000), "b": bytes(100_000)}, tarfile.PAX_FORMAT)
    with pytest.raises(MalformedInput, match="more than 150,000 bytes") as failure:
        list(reader(content, ArchiveLimits(total_bytes=150_000)))
    assert failure.value.reason == "too_large"


WHOLE = packed({"course/course.xml": b"<course/>", "d" * 120 + "/f": b"x" * 600}, tarfile.PAX_FORMAT)


def readable(content: bytes) -> dict[str, bytes]:
    """The contents, none when the archive is refused; every other exception fails the test."""
    try:
        return contents(content)
    except MalformedInput:
        return {}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=20))
def test_damage_anywhere_is_refused_or_harmless(position: int, damage: bytes) -> None:
    found = readable(WHOLE[:position] + damage + WHOLE[position + len(damage) :])
    assert sum(map(len, found.values())) <= len(WHOLE)


@given(st.one_of(st.binary(max_size=3000), st.binary(max_size=3000).map(lambda content: header() + content)))
def test_any_bytes_are_refused_or_read(content: bytes) -> None:
    assert sum(map(len, readable(content).values())) <= len(content)


def test_the_samples_have_the_members_tarfile_finds(sample_data: Path) -> None:
    archives = sorted((sample_data / "olx").glob("*.tar.gz"))
    assert len(archives) == 13
    for path in archives:
        with tarfile.open(path) as archive:
            expected = [(member.name.removeprefix("./"), member.size) for member in archive if member.isfile()]
        found = [(member.path, member.size_bytes) for member in members(path) if member.kind is MemberKind.FILE]
        assert found == expected
