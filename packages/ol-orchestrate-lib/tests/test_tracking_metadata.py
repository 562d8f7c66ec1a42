"""What a run says of the logs it read."""

import dagster as dg

from ol_orchestrate.lib.openedx.tracking_landing import FileOutcome, FileState, LogFile
from ol_orchestrate.tracking_metadata import outcome_metadata


def outcome(*, written=True, **counts):
    known = {"lines": 0, "blank": 0, "accepted": 0, "quarantined": 0, "filtered": {}, "reasons": {}} | counts
    state = FileState(version="v", sha256="s", bytes_in=1, **known)
    return FileOutcome(LogFile("logs/a.log", "a.log", None), state, written)


def values(outcomes):
    return {name: value.value for name, value in outcome_metadata(outcomes).items()}


def test_counts_are_added_up():
    first = outcome(lines=9, blank=1, accepted=5, quarantined=2, filtered={"comment": 1}, reasons={"not_json": 2})
    second = outcome(lines=4, accepted=1, quarantined=3, reasons={"not_json": 1, "no_time": 2}, written=False)

    assert values([first, second]) == {
        "files": 2,
        "files_unchanged": 1,
        "lines": 13,
        "blank": 1,
        "accepted": 6,
        "quarantined": 5,
        "filtered": {"comment": 1},
        "reasons": {"not_json": 3, "no_time": 2},
    }


def test_no_files_are_zeros():
    assert values([]) == {
        "files": 0,
        "files_unchanged": 0,
        "lines": 0,
        "blank": 0,
        "accepted": 0,
        "quarantined": 0,
        "filtered": {},
        "reasons": {},
    }


def test_counts_are_numbers_that_the_ui_can_plot():
    metadata = outcome_metadata([outcome(lines=1, blank=1)])

    plotted = {name for name, value in metadata.items() if isinstance(value, dg.IntMetadataValue)}
    assert plotted == {"files", "files_unchanged", "lines", "blank", "accepted", "quarantined"}
