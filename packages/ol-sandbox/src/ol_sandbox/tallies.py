"""Counts of the lines and events of one platform, from the plan of its logs."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import Any

from ol_sandbox.delivery import LogFile
from ol_sandbox.dirt import DirtKind, Verdict
from ol_sandbox.events import Event, Family
from ol_sandbox.lines import Line
from ol_sandbox.platforms import Platform


@dataclass(slots=True)
class Tally:
    """One count in three strictnesses."""

    events: int = 0
    distinct: int = 0
    by_learners: int = 0

    def add(self, event: Event, *, is_duplicate: bool) -> None:
        """Count one accepted event."""
        self.events += 1
        self.distinct += not is_duplicate
        self.by_learners += not is_duplicate and event.visit.account is not None

    def as_json(self) -> dict[str, int]:
        """The three counts by name."""
        return {"events": self.events, "distinct": self.distinct, "by_learners": self.by_learners}


@dataclass(slots=True)
class LineCount:
    """How the lines of one file, or of several, add up."""

    lines: int = 0
    blank: int = 0
    events: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)

    def add(self, line: Line) -> None:
        """Count one line by its fate."""
        self.lines += 1
        match line.fate.verdict:
            case Verdict.ACCEPTED:
                self.events += 1
            case Verdict.BLANK:
                self.blank += 1
            case Verdict.QUARANTINED:
                self.quarantined[line.fate.reason] += 1
            case Verdict.FILTERED:
                self.filtered[line.fate.reason] += 1

    def as_json(self) -> dict[str, object]:
        """The counts, reasons by name."""
        return {
            "lines": self.lines,
            "blank": self.blank,
            "events": self.events,
            "quarantined": dict(sorted(self.quarantined.items())),
            "filtered": dict(sorted(self.filtered.items())),
        }


class PlatformTruth:
    """Everything counted about one platform. Memory grows with learners, runs and days, not with events."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.total = LineCount()
        self.files = 0
        self.counts: Counter[str] = Counter()
        self.days: defaultdict[str, Tally] = defaultdict(Tally)
        self.types: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)
        self.families: Counter[Family] = Counter()
        self.activity: Counter[tuple[str, str]] = Counter()
        self.learners: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def add(self, log_file: LogFile, line: Line) -> None:
        """Count one line of one file."""
        self.total.add(line)
        if line.is_accepted:
            (event,) = line.events
            self._add_event(log_file.day, event, is_duplicate=line.dirt is DirtKind.DUPLICATE)

    def _add_event(self, file_day: date, event: Event, *, is_duplicate: bool) -> None:
        day = str(event.at.astimezone(UTC).date())
        self.days[day].add(event, is_duplicate=is_duplicate)
        self.types[event.name, event.source.value].add(event, is_duplicate=is_duplicate)
        self.counts["duplicates"] += is_duplicate
        if is_duplicate:
            return
        window_start, _ = self.platform.log_window(file_day)
        self.counts["distinct"] += 1
        self.counts["late"] += event.at < window_start
        self.counts["blank_usernames"] += event.visit.account is None
        if event.visit.account is not None:
            self._add_learner_event(day, event, event.visit.account.username)

    def _add_learner_event(self, day: str, event: Event, username: str) -> None:
        if event.family is not None:
            self.families[event.family] += 1
        if event.visit.run is not None:
            key = (event.visit.run.course_id, day)
            self.activity[key] += 1
            self.learners[key].add(username)

    def as_json(self) -> dict[str, object]:
        """The platform's part of truth.json."""
        types: dict[str, dict[str, object]] = {}
        for (name, source), tally in sorted(self.types.items()):
            types.setdefault(name, {})[source] = tally.as_json()
        return {
            "files": self.files,
            **self.total.as_json(),
            **{key: self.counts[key] for key in ("distinct", "duplicates", "late", "blank_usernames")},
            "days": {day: tally.as_json() for day, tally in sorted(self.days.items())},
            "event_types": types,
            "facts": {family.value: self.families[family] for family in Family},
            "activity": self._activity(),
        }

    def course_days(self) -> list[dict[str, Any]]:
        """Learners and events of each run and day, by run, then day."""
        return [
            {"course_id": course_id, "day": day, "learners": len(self.learners[course_id, day]), "events": events}
            for (course_id, day), events in sorted(self.activity.items())
        ]

    def _activity(self) -> dict[str, object]:
        return {
            "rows": sum(len(learners) for learners in self.learners.values()),
            "events": sum(self.activity.values()),
            "learners": len(set().union(*self.learners.values())),
            "course_days": self.course_days(),
        }
