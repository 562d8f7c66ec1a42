"""Two sorted streams of rows, side by side: the first rows and values in which they differ.

Memory is bounded by one batch of each stream, whatever they hold. Batches that are equal, which is nearly all of them,
are compared by Arrow at once; only where one differs are its rows walked, in the order of the key.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

RELATIVE_TOLERANCE = 1e-9
"""Two doubles are equal within this part of the larger one: engines add them up in another order."""
ABSOLUTE_TOLERANCE = 1e-12
"""And within this, near zero."""

type Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not the same. `values` has what each engine has instead, by the engine's name.

    `kind` is `columns`, `type`, `row_count`, `no_rows`, `missing_relation`, `missing_row` or `value`; `key` names the
    row, and `column` the column, where there is one.
    """

    kind: str
    values: Mapping[str, object]
    column: str | None = None
    key: Mapping[str, object] | None = None


class SortedRows:
    """A stream of rows in the order of their key, of which one batch is held at a time."""

    def __init__(self, engine: str, batches: Iterable[pa.RecordBatch]) -> None:
        self.engine = engine
        self._batches = iter(batches)
        self._held: pa.RecordBatch | None = None
        self._advance()

    @property
    def held(self) -> pa.RecordBatch | None:
        """Rows that were not dropped yet, at least one; None at the end."""
        return self._held

    def drop(self, count: int) -> None:
        """Go on after so many of the held rows."""
        assert self._held is not None  # noqa: S101 - who drops has looked
        if count < self._held.num_rows:
            self._held = self._held.slice(count)
        else:
            self._advance()

    def _advance(self) -> None:
        self._held = next((batch for batch in self._batches if batch.num_rows), None)


def differing_rows(left: SortedRows, right: SortedRows, key: Sequence[str]) -> Iterator[Difference]:
    """Every difference in rows and values, in the order of the key; lazily, so that a caller may stop.

    Both streams have the same columns of the same types, and are sorted by `key` with nulls last.
    """
    while left.held is not None and right.held is not None:
        count = min(left.held.num_rows, right.held.num_rows)
        if _same(left.held.slice(0, count), right.held.slice(0, count)):
            left.drop(count)
            right.drop(count)
        else:
            yield from _merge(left, right, key)
    for rows, other in ((left, right), (right, left)):
        while rows.held is not None:
            for row in rows.held.to_pylist():
                yield _missing(row, key, rows.engine, other.engine)
            rows.drop(rows.held.num_rows)


def _merge(left: SortedRows, right: SortedRows, key: Sequence[str]) -> Iterator[Difference]:
    """Walk the held rows of both until those of one are used up, and drop what was walked."""
    assert left.held is not None  # noqa: S101 - the caller has looked
    assert right.held is not None  # noqa: S101
    lefts, rights = left.held.to_pylist(), right.held.to_pylist()
    at_left = at_right = 0
    while at_left < len(lefts) and at_right < len(rights):
        one, other = lefts[at_left], rights[at_right]
        place, other_place = _place(one, key), _place(other, key)
        if place == other_place:
            yield from _values(one, other, key, (left.engine, right.engine))
        elif place < other_place:
            yield _missing(one, key, left.engine, right.engine)
        else:
            yield _missing(other, key, right.engine, left.engine)
        at_left += place <= other_place
        at_right += other_place <= place
    for rows, count in ((left, at_left), (right, at_right)):
        if count:
            rows.drop(count)


def _values(one: Row, other: Row, key: Sequence[str], engines: tuple[str, str]) -> Iterator[Difference]:
    for column, value in one.items():
        if not same_value(value, other[column]):
            values = dict(zip(engines, (value, other[column]), strict=True))
            yield Difference("value", values, column, {name: one[name] for name in key})


def _missing(row: Row, key: Sequence[str], there: str, missing: str) -> Difference:
    return Difference("missing_row", {there: row, missing: None}, key={name: row[name] for name in key})


def _place(row: Row, key: Sequence[str]) -> tuple[tuple[bool, bool, object], ...]:
    """What a row is sorted by, as the engines sort: text by its code points, NaN after all numbers, null at the end."""
    values = [row[name] for name in key]
    return tuple(
        (value is None, is_nan := isinstance(value, float) and math.isnan(value), None if is_nan else value)
        for value in values
    )


def _same(one: pa.RecordBatch, other: pa.RecordBatch) -> bool:
    return all(_same_column(left, right) for left, right in zip(one.columns, other.columns, strict=True))


def _same_column(one: pa.Array, other: pa.Array) -> bool:
    if one.equals(other):
        return True
    if not pa.types.is_floating(one.type):
        return False
    return all(map(same_value, one.to_pylist(), other.to_pylist()))


def same_value(one: object, other: object) -> bool:
    """Equal; for doubles within the tolerance, and a NaN is a NaN."""
    if isinstance(one, float) and isinstance(other, float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    return one == other
