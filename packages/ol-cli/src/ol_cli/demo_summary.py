"""What the demo did, in figures: read back from manifests, dbt's results and the published warehouse."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ol_orchestrate.lib.conservation import LineCounts
from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.files import write_json
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.openedx.tracking_landing import states_of
from ol_orchestrate.lib.warehouse import open_warehouse

MART_SCHEMA = "mart"


@dataclass(slots=True)
class Summary:
    """The figures, as `summary.json` holds them. Lines are of the manifests, so of earlier runs too."""

    files: int = 0
    lines: int = 0
    accepted: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    filtered: dict[str, int] = field(default_factory=dict)
    blank: int = 0
    courses: int = 0
    blocks: int = 0
    models_built: int = 0
    tests_passed: int = 0
    tests_failed: int = 0
    marts: dict[str, int] = field(default_factory=dict)
    objects_written: int = 0
    seconds: float = 0.0
    steps_seconds: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def add_logs(summary: Summary, places: Iterable[tuple[LandingZone, str]]) -> None:
    """Add the lines of every manifest below these places."""
    states = [
        state
        for zone, prefix in places
        for _, manifest in zone.manifests(prefix)
        for state in states_of(manifest).values()
    ]
    counts = sum((state.counts for state in states), LineCounts())
    summary.files = len(states)
    summary.lines, summary.accepted, summary.blank = counts.lines, counts.accepted, counts.blank
    summary.quarantined, summary.reasons = counts.quarantined, dict(counts.reasons)
    summary.filtered = dict(counts.filtered)


def add_dbt(summary: Summary, target: Path) -> None:
    """Add what the last `dbt build` did."""
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    kinds = Counter((result["unique_id"].split(".")[0], result["status"]) for result in results)
    summary.models_built = kinds["model", "success"]
    summary.tests_passed = kinds["test", "pass"] + kinds["unit_test", "pass"]
    summary.tests_failed = sum(kinds[kind, status] for kind in ("test", "unit_test") for status in ("fail", "error"))


def add_marts(summary: Summary, storage: Storage) -> None:
    """Add the rows of every mart, and the courses and blocks among them."""
    with open_warehouse(storage.published_path, read_only=True) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables where table_schema = ? order by 1", [MART_SCHEMA]
        ).fetchall()
        for (name,) in names:
            summary.marts[name] = len(connection.table(f"{MART_SCHEMA}.{name}"))
    summary.courses, summary.blocks = summary.marts["dim_course__run"], summary.marts["dim_course__content"]


def write(summary: Summary, path: Path) -> None:
    """Write `summary.json`."""
    write_json(path, asdict(summary))


def rows(summary: Summary) -> Mapping[str, str]:
    """The figures in words, in the order a reader wants them."""
    return {
        "log files": f"{summary.files:,}",
        "lines": f"{summary.lines:,}",
        "  accepted": f"{summary.accepted:,}",
        "  quarantined": f"{summary.quarantined:,}  {_words(summary.reasons)}",
        "  filtered": f"{sum(summary.filtered.values()):,}  {_words(summary.filtered)}",
        "  blank": f"{summary.blank:,}",
        "courses": f"{summary.courses:,} with {summary.blocks:,} blocks",
        "models built": f"{summary.models_built:,}",
        "tests": f"{summary.tests_passed:,} passed, {summary.tests_failed:,} failed",
        **{f"  {name}": f"{count:,} rows" for name, count in summary.marts.items()},
        "objects written": f"{summary.objects_written:,}",
        "seconds": f"{summary.seconds:.0f}  {_words(summary.steps_seconds)}",
    }


def _words(counts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
