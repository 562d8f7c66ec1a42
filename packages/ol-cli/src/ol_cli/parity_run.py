"""One model on two engines: names, types, row counts, and then every value."""

from collections.abc import Iterator, Mapping
from itertools import islice

from ol_cli.parity_compare import Difference, SortedRows, differing_rows
from ol_cli.parity_engines import Columns, Engine, common_types
from ol_cli.parity_models import Model
from ol_cli.parity_report import ModelReport
from ol_cli.parity_types import CommonType
from ol_orchestrate.lib.raw_tables import LOADED_AT

OF_ONE_WAREHOUSE = frozenset({LOADED_AT, "_rules"})
"""Columns that say when and by which SQL a warehouse was filled: they differ between two; their types are compared."""

SHOWN_DIFFERENCES = 5
"""Rows and values shown of one model; the comparison of a model ends with the last of them."""

type Pair = tuple[Engine, Engine]


def compare_model(model: Model, engines: Pair) -> ModelReport:
    """Everything about one model. Reads each side once, sorted by the key, in bounded memory.

    Raises:
        SourceUnavailable: An engine does not answer.
        SourceRejected: One does not understand a query.
    """
    left, right = engines
    left_columns, right_columns = left.columns(model), right.columns(model)
    if left_columns is None or right_columns is None:
        there = {left.name: left_columns is not None, right.name: right_columns is not None}
        return ModelReport(model.name, {}, 0, (Difference("missing_relation", there),))
    rows = {engine.name: engine.row_count(model) for engine in engines}
    shared = shared_columns(engines, left_columns, right_columns)
    found = [
        *_structure(engines, left_columns, right_columns),
        *_counts(rows),
        *islice(_values(model, engines, shared), SHOWN_DIFFERENCES),
    ]
    return ModelReport(model.name, rows, len(shared), tuple(found))


def shared_columns(engines: Pair, left: Columns, right: Columns) -> dict[str, CommonType]:
    """The columns that both engines have with one common type."""
    other = common_types(engines[1], right)
    return {
        name: common
        for name, common in common_types(engines[0], left).items()
        if common is not None and other.get(name) == common
    }


def _structure(engines: Pair, left: Columns, right: Columns) -> Iterator[Difference]:
    one, other = (engine.name for engine in engines)
    if list(left) != list(right):
        yield Difference("columns", {one: list(left), other: list(right)})
    shared = shared_columns(engines, left, right)
    for name in left.keys() & right.keys() - shared.keys():
        yield Difference("type", {one: left[name], other: right[name]}, name)


def _counts(rows: Mapping[str, int]) -> Iterator[Difference]:
    if len(set(rows.values())) > 1:
        yield Difference("row_count", rows)
    elif not any(rows.values()):
        yield Difference("no_rows", rows)


def _values(model: Model, engines: Pair, shared: Mapping[str, CommonType]) -> Iterator[Difference]:
    compared = {name: common for name, common in shared.items() if name not in OF_ONE_WAREHOUSE}
    if not compared or not set(model.key) <= compared.keys():
        return  # the structure said so
    # Without a key a row is its own: two that differ are a row missing on either side.
    order = model.key or tuple(name for name, common in compared.items() if common.name != "double")
    left, right = (SortedRows(engine.name, engine.rows(model, compared, order)) for engine in engines)
    yield from differing_rows(left, right, order)
