"""Gzip as it is delivered: whole, joined, padded, cut, broken, or not gzip at all."""

import gzip
import io
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ol_orchestrate.lib import inflate
from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.inflate import READ_BYTES, inflated_blocks

CONTENT = b"".join(b'{"a": %d}\n' % (number * 7919 % 1009) for number in range(300))
LONG = b"".join(b'{"a": %d}\n' % number for number in range(60_000))
PACKED = gzip.compress(LONG)


class Trickle(io.BytesIO):
    """A stream that gives less than it is asked for, as sockets do."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 5) if size and size > 0 else size)


def read(delivered: bytes) -> tuple[bytes, str | None]:
    """What could be read, and the code of the damage."""
    content, reason = bytearray(), None
    try:
        for block in inflated_blocks(io.BytesIO(delivered), "k"):
            assert 0 < len(block) <= READ_BYTES
            content += block
    except MalformedInput as damage:
        reason = damage.reason
    return bytes(content), reason


@pytest.mark.parametrize(
    ("delivered", "content"),
    [
        (b"", b""),
        (b"plain\ntext", b"plain\ntext"),
        (LONG, LONG),
        (PACKED, LONG),
        (gzip.compress(b""), b""),
        (gzip.compress(b"a\n") + gzip.compress(b"") + gzip.compress(b"b\n"), b"a\nb\n"),
        (PACKED + PACKED, LONG + LONG),
        (PACKED + bytes(3 * READ_BYTES), LONG),
        (PACKED + bytes(3 * READ_BYTES) + PACKED, LONG + LONG),
        (gzip.compress(LONG, 0), LONG),
        (b"\x1f", b"\x1f"),
    ],
    ids=[
        "nothing",
        "short",
        "plain",
        "gzip",
        "empty",
        "members",
        "large members",
        "zeros",
        "member after",
        "stored",
        "1",
    ],
)
def test_what_is_whole_is_read_whole(delivered: bytes, content: bytes) -> None:
    assert read(delivered) == (content, None)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(2, 40), st.integers(0, 50))
def test_members_join_wherever_the_reads_end(parts: list[bytes], read_bytes: int, zeros: int) -> None:
    packed = bytes(zeros).join(gzip.compress(part) for part in parts) + bytes(zeros)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inflate, "READ_BYTES", read_bytes)
        assert b"".join(inflated_blocks(io.BytesIO(packed), "k")) == b"".join(parts)
        assert b"".join(inflated_blocks(Trickle(packed), "k")) == b"".join(parts)


def test_a_header_with_every_optional_field() -> None:
    compressed = zlib.compressobj(wbits=-15)
    body = compressed.compress(CONTENT) + compressed.flush()
    header = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x04\x00abcd" + b"name\0" + b"comment\0"
    header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little")
    trailer = zlib.crc32(CONTENT).to_bytes(4, "little") + len(CONTENT).to_bytes(4, "little")
    assert read(header + body + trailer) == (CONTENT, None)


@pytest.mark.parametrize("kept", [2, 5, 10, 11, 1000, len(PACKED) // 2, *range(len(PACKED) - 9, len(PACKED))])
def test_a_file_cut_short_gives_what_it_holds(kept: int) -> None:
    content, damage = read(PACKED[:kept])
    assert damage == "truncated_gzip"
    assert LONG.startswith(content)
    if kept > len(PACKED) // 3:
        assert len(content) > len(LONG) // 4
    if kept >= len(PACKED) - 9:
        assert content == LONG


@settings(max_examples=60)
@given(st.data())
def test_any_damage_is_reported_and_ends(data: st.DataObject) -> None:
    packed = bytearray(gzip.compress(CONTENT))
    place = data.draw(st.integers(10, len(packed) - 1))
    packed[place] ^= 1 << data.draw(st.integers(0, 7))
    content, damage = read(bytes(packed))
    assert damage in ("corrupt_gzip", "truncated_gzip")
    assert len(content) < 100 * len(CONTENT)


def test_blocks_before_the_damage_are_the_content() -> None:
    packed = bytearray(PACKED)
    middle = len(packed) // 2
    packed[middle : middle + 64] = bytes(64)
    content, damage = read(bytes(packed))
    assert damage == "corrupt_gzip"
    assert content[: len(LONG) // 4] == LONG[: len(LONG) // 4]


@pytest.mark.parametrize("place", [-1, -6], ids=["length", "checksum"])
def test_a_wrong_trailer_is_damage_and_costs_the_last_block_at_most(place: int) -> None:
    packed = bytearray(PACKED)
    packed[place] ^= 1
    content, damage = read(bytes(packed))
    assert damage == "corrupt_gzip"
    assert LONG.startswith(content)
    assert len(LONG) - len(content) <= READ_BYTES


def test_the_message_says_what_where_and_what_next() -> None:
    with pytest.raises(MalformedInput, match=r"Reading host/a.log.gz: the gzip data are damaged: they end") as failure:
        list(inflated_blocks(io.BytesIO(PACKED[:1000]), "host/a.log.gz"))
    assert failure.value.source == "host/a.log.gz"
    assert failure.value.message.endswith("have the file delivered again.")


def test_what_follows_the_last_member_and_is_neither_member_nor_zeros() -> None:
    content, damage = read(gzip.compress(b"a\n") + b"not a member, but long enough for a header")
    assert (content, damage) == (b"a\n", "corrupt_gzip")


def test_a_bomb_comes_in_bounded_blocks() -> None:
    bomb = gzip.compress(gzip.compress(bytes(50 << 20)))
    inner = b"".join(inflated_blocks(io.BytesIO(bomb), "k"))
    sizes = [len(block) for block in inflated_blocks(io.BytesIO(inner), "k")]
    assert sum(sizes) == 50 << 20
    assert max(sizes) <= READ_BYTES


def test_failures_of_the_stream_pass_through() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("input/output error")

    with pytest.raises(OSError, match="input/output"):
        list(inflated_blocks(Broken(), "k"))
