"""Chunks: every line once, with its number and place, wherever blocks and chunks end."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ol_orchestrate.lib import lines
from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.lines import KEPT_OF_LONG_LINE_BYTES, Chunk, LineChunks

LIMIT = 10
type Line = tuple[int, int, bytes]


def cut(content: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The content in blocks of these sizes, over and over."""
    start = 0
    for size in itertools.cycle(sizes):
        if start >= len(content):
            return
        yield content[start : start + size]
        start += size


def in_chunks(chunks: LineChunks) -> list[Line]:
    """Number, offset and bytes of every line, as the chunks say."""
    found = []
    for chunk in chunks:
        offset = chunk.first_byte
        for number, line in enumerate(chunk.content.splitlines(keepends=True), chunk.first_line):
            found.append((number, offset, line))
            offset += len(line)
    return found


def by_hand(content: bytes) -> list[Line]:
    found, offset = [], 0
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        found.append((number, offset, line))
        offset += len(line)
    return found


line_lengths = st.sampled_from([0, 0, 1, 2, 5, LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + 2, 2 * LIMIT, 5 * LIMIT])
contents = st.builds(
    lambda lengths, ended: (
        b"\n".join(bytes(b"abcdefgh"[n % 8] for n in range(length)) for length in lengths) + (b"\n" if ended else b"")
    ),
    st.lists(line_lengths, max_size=12),
    st.booleans(),
)
block_sizes = st.lists(st.integers(1, LIMIT), min_size=1, max_size=4)


@given(contents, block_sizes, st.sampled_from([1, 3, 12, 30, 200]))
@example(b"a" * 11 + b"\n", [10], 1)
@example(b"a" * 10, [5], 200)
@example(b"\n" * 9 + b"a" * 10 + b"\nx", [10], 1)
def test_every_line_comes_once_with_its_number_and_place(content: bytes, sizes: list[int], chunk_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "CHUNK_BYTES", chunk_bytes)
        chunks = LineChunks(cut(content, sizes), LIMIT)
        found = in_chunks(chunks)
    expected = by_hand(content)
    whole = [line.removesuffix(b"\n") for _, _, line in expected]
    assert found == [line for line, bare in zip(expected, whole, strict=True) if len(bare) <= LIMIT]
    too_long = [(*line[:2], bare) for line, bare in zip(expected, whole, strict=True) if len(bare) > LIMIT]
    assert [(line.line_number, line.byte_offset, line.length_bytes) for line in chunks.long_lines] == [
        (number, offset, len(bare)) for number, offset, bare in too_long
    ]
    for line, (_, _, bare) in zip(chunks.long_lines, too_long, strict=True):
        assert bare.startswith(line.beginning)
        assert line.beginning
    assert chunks.lines == len(expected)


@given(contents, block_sizes, st.sampled_from([1, 3, 12, 30]))
def test_a_chunk_holds_whole_lines_only(content: bytes, sizes: list[int], chunk_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "CHUNK_BYTES", chunk_bytes)
        pieces = [chunk.content for chunk in LineChunks(cut(content, sizes), 1 << 20)]
    assert b"".join(pieces) == content
    assert all(pieces)
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])


def test_a_chunk_is_about_a_megabyte_whatever_the_blocks() -> None:
    content = b"x" * 99 + b"\n"
    sizes = [len(chunk.content) for chunk in LineChunks(cut(content * 50_000, [131_072]), 1 << 24)]
    assert all(lines.CHUNK_BYTES - 100 <= size < lines.CHUNK_BYTES + 131_072 for size in sizes[:-1])


def test_nothing_gives_nothing() -> None:
    chunks = LineChunks([b"", b""], LIMIT)
    assert list(chunks) == []
    assert chunks.lines == 0


def test_only_the_beginning_of_a_long_line_is_kept() -> None:
    size = 5 * KEPT_OF_LONG_LINE_BYTES
    chunks = LineChunks(cut(b"a\n" + b"x" * size + b"\nb\n", [1 << 16]), 2 * KEPT_OF_LONG_LINE_BYTES)
    assert in_chunks(chunks) == [(1, 0, b"a\n"), (3, size + 3, b"b\n")]
    (line,) = chunks.long_lines
    assert (line.line_number, line.byte_offset, line.length_bytes) == (2, 2, size)
    assert line.beginning == b"x" * KEPT_OF_LONG_LINE_BYTES


def test_the_limit_is_of_a_line_and_not_of_what_stands_before_it() -> None:
    content = b"short\n" * 3 + b"x" * LIMIT + b"\n"
    chunks = LineChunks(cut(content, [7]), LIMIT)
    assert in_chunks(chunks) == by_hand(content)
    assert chunks.long_lines == []


def test_damage_ends_the_chunks_and_is_remembered() -> None:
    damage = MalformedInput("no more", source="k", reason="truncated_gzip")

    def blocks() -> Iterator[bytes]:
        yield b"one\ntwo\nthr"
        raise damage

    chunks = LineChunks(blocks(), 100)
    assert in_chunks(chunks) == [(1, 0, b"one\n"), (2, 4, b"two\n"), (3, 8, b"thr")]
    assert chunks.lines == 3
    assert chunks.damage is damage


def test_damage_within_a_long_line_keeps_the_count() -> None:
    def blocks() -> Iterator[bytes]:
        yield b"a\n" + b"x" * 9
        yield b"x" * 9
        raise MalformedInput("no more", source="k", reason="corrupt_gzip")

    chunks = LineChunks(blocks(), LIMIT)
    assert in_chunks(chunks) == [(1, 0, b"a\n")]
    assert [(line.line_number, line.byte_offset, line.length_bytes) for line in chunks.long_lines] == [(2, 2, 18)]
    assert chunks.lines == 2
    assert chunks.damage


def test_other_failures_of_the_source_are_not_damage() -> None:
    def blocks() -> Iterator[bytes]:
        yield b"one\n"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(LineChunks(blocks(), LIMIT))


def test_a_chunk_joins_its_pieces() -> None:
    assert Chunk((b"a", memoryview(b"b\n")), 1, 0).content == b"ab\n"
