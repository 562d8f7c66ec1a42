"""What a run that read tracking logs tells Dagster."""

from collections.abc import Sequence

import dagster as dg

from ol_orchestrate.lib.openedx.tracking_landing import FileOutcome, total


def outcome_metadata(outcomes: Sequence[FileOutcome]) -> dict[str, dg.MetadataValue]:
    """The counts of all files, and how many were read and how many were known already."""
    counts = total(outcomes)
    return {
        "files": dg.MetadataValue.int(len(outcomes)),
        "files_unchanged": dg.MetadataValue.int(sum(not outcome.written for outcome in outcomes)),
        "lines": dg.MetadataValue.int(counts.lines),
        "blank": dg.MetadataValue.int(counts.blank),
        "accepted": dg.MetadataValue.int(counts.accepted),
        "quarantined": dg.MetadataValue.int(counts.quarantined),
        "filtered": dg.MetadataValue.json(dict(counts.filtered)),
        "reasons": dg.MetadataValue.json(dict(counts.reasons)),
    }
