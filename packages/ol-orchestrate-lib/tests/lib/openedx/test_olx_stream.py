"""The bytes under an archive: gzip or not, never past a limit, damage told from cut short."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.openedx.olx_stream import open_stream

CONTENT = bytes(range(256)) * 4096
NO_LIMIT = 1 << 40


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("packed", [CONTENT, gzip.compress(CONTENT)], ids=["plain", "gzip"])
def test_what_is_read_and_skipped_is_the_content(tmp_path: Path, packed: bytes) -> None:
    with open_stream(write(tmp_path / "a.tar.gz", packed), NO_LIMIT) as stream:
        assert stream.exactly(10) == CONTENT[:10]
        stream.skip(500_000)
        assert stream.exactly(1000) == CONTENT[500_010:501_010]
        assert stream.position == 501_010
        stream.skip_to_end()
        assert stream.position == len(CONTENT)
        assert stream.up_to(1) == b""


def test_several_gzip_members_are_one_content(tmp_path: Path) -> None:
    path = write(tmp_path / "a", gzip.compress(b"one") + gzip.compress(b"two"))
    with open_stream(path, NO_LIMIT) as stream:
        assert stream.up_to(100) == b"onetwo"


def test_a_missing_file_is_an_ordinary_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_stream(tmp_path / "none", NO_LIMIT):
        pass


@pytest.mark.parametrize("read", ["exactly", "skip"])
def test_an_end_before_what_was_promised(tmp_path: Path, read: str) -> None:
    path = write(tmp_path / "a", b"short")
    with pytest.raises(MalformedInput, match="ends inside") as failure, open_stream(path, NO_LIMIT) as stream:
        getattr(stream, read)(600_000)
    assert (failure.value.reason, failure.value.source) == ("cut_short", str(path))


@given(cut=st.integers(11, len(gzip.compress(CONTENT, mtime=0)) - 1), skipping=st.booleans())
def test_a_gzip_stream_cut_anywhere_is_cut_short(
    tmp_path_factory: pytest.TempPathFactory, cut: int, *, skipping: bool
) -> None:
    path = write(tmp_path_factory.mktemp("cut") / "a", gzip.compress(CONTENT, mtime=0)[:cut])
    with pytest.raises(MalformedInput) as failure, open_stream(path, NO_LIMIT) as stream:
        stream.skip_to_end() if skipping else stream.up_to(len(CONTENT) + 1)
    assert failure.value.reason == "cut_short"


def test_a_gzip_stream_whose_checksum_is_wrong_is_damaged(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(CONTENT))
    packed[-5] ^= 1
    with (
        pytest.raises(MalformedInput, match="Export or download it again") as failure,
        open_stream(write(tmp_path / "a", bytes(packed)), NO_LIMIT) as stream,
    ):
        stream.skip_to_end()
    assert failure.value.reason == "damaged"


def test_more_than_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a", gzip.compress(CONTENT))
    with open_stream(path, 1000) as stream:
        stream.expect(1000)
        with pytest.raises(MalformedInput, match="more than 1,000 bytes") as failure:
            stream.expect(1001)
    assert (failure.value.reason, failure.value.position) == ("too_large", "byte 0")


def test_what_follows_the_archive_counts_against_the_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a", gzip.compress(bytes(50_000_000)))
    with pytest.raises(MalformedInput) as failure, open_stream(path, 1_000_000) as stream:
        stream.skip_to_end()
    assert failure.value.reason == "too_large"
    assert int(failure.value.position.removeprefix("byte ")) < 2_000_000
