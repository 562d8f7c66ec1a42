"""read = accepted + quarantined + filtered, blank lines apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ol_orchestrate.lib.conservation import LineCounts, RowsUnaccounted
from ol_orchestrate.lib.errors import OLDataError

few = st.integers(0, 50)
by_name = st.dictionaries(st.sampled_from("abc"), st.integers(1, 9))


def counts_of(blank: int, accepted: int, filtered: dict[str, int], reasons: dict[str, int]) -> LineCounts:
    quarantined = sum(reasons.values())
    lines = blank + accepted + quarantined + sum(filtered.values())
    return LineCounts(lines, blank, accepted, quarantined, filtered, reasons)


conserved = st.builds(counts_of, few, few, by_name, by_name)


@given(conserved)
def test_counts_that_add_up_pass(counts: LineCounts) -> None:
    counts.check("k")


@given(conserved, conserved)
def test_conserved_counts_stay_so_when_added(first: LineCounts, second: LineCounts) -> None:
    both = first + second
    both.check("k")
    assert both.lines == first.lines + second.lines
    assert both.accounted == first.accounted + second.accounted
    for name in "abc":
        assert both.filtered.get(name, 0) == first.filtered.get(name, 0) + second.filtered.get(name, 0)
        assert both.reasons.get(name, 0) == first.reasons.get(name, 0) + second.reasons.get(name, 0)


def test_nothing_adds_up() -> None:
    LineCounts().check("k")
    assert sum([LineCounts(), LineCounts()], LineCounts()) == LineCounts()


@pytest.mark.parametrize(
    "counts",
    [
        LineCounts(lines=1),
        LineCounts(accepted=1),
        LineCounts(lines=2, blank=1),
        LineCounts(lines=3, accepted=2, filtered={"comment": 2}),
        LineCounts(lines=3, accepted=2, quarantined=1),
        LineCounts(lines=3, accepted=2, quarantined=1, reasons={"not_json": 2}),
        LineCounts(lines=3, accepted=3, reasons={"not_json": 1}),
    ],
)
def test_a_row_lost_or_invented_is_named(counts: LineCounts) -> None:
    with pytest.raises(RowsUnaccounted, match=r"Reading some/key: .* lines went in.*Nothing was published") as failure:
        counts.check("some/key")
    assert isinstance(failure.value, OLDataError)
