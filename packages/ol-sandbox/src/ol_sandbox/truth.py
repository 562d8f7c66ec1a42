"""Counts what is so, from the plan and never from what was written: the numbers a mart has to equal."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date

from ol_sandbox.courses import BlockType, Run
from ol_sandbox.delivery import LogFile
from ol_sandbox.dirt import CATALOGUE, DirtKind, Verdict
from ol_sandbox.events import Event, Family
from ol_sandbox.lines import Line
from ol_sandbox.platforms import Platform
from ol_sandbox.tracking import form_dirt

DEFINITIONS = {
    "lines": "lines of the file, the last one also when it has no newline",
    "events": "lines a reader accepts; lines = blank + events + quarantined + filtered",
    "distinct": "events without the exact repetitions (`duplicates`) planted in overlapping files",
    "by_learners": "distinct events with a username that is not blank; what facts show",
    "days": "the day of the event's own time in UTC, not the day in a file's name",
    "event_types": "the event's name, or its event_type when it has no name; then its source",
    "facts": "by_learners of each fct_activity__<family>_events; mobile video events count by their event_type",
    "late": "distinct events that arrived in the file of a later day",
    "blank_usernames": "distinct events with no username, or a null or empty one",
    "activity": "fct_activity__course_day: by_learners events that name a course, in the context or else in the path",
}


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

    def _activity(self) -> dict[str, object]:
        course_days = [
            {"course_id": course_id, "day": day, "learners": len(self.learners[course_id, day]), "events": events}
            for (course_id, day), events in sorted(self.activity.items())
        ]
        return {
            "rows": sum(len(learners) for learners in self.learners.values()),
            "events": sum(self.activity.values()),
            "learners": len(set().union(*self.learners.values())),
            "course_days": course_days,
        }


class Truth:
    """The whole of truth.json, as it grows."""

    def __init__(self, platforms: tuple[Platform, ...]) -> None:
        self.platforms = {platform.name: PlatformTruth(platform) for platform in platforms}
        self.files: dict[str, dict[str, object]] = {}
        self.courses: list[dict[str, object]] = []
        self.dirt: dict[str, Counter[DirtKind]] = {platform.name: Counter() for platform in platforms}

    def add_log_file(self, log_file: LogFile) -> None:
        """Count a planned file and all its lines; a copy is listed, and counted nowhere else."""
        count, platform = LineCount(), self.platforms[log_file.platform]
        dirt = self.dirt[log_file.platform]
        dirt.update(log_file.dirt)
        platform.files += 1
        for line in log_file.lines:
            count.add(line)
            platform.add(log_file, line)
            dirt.update(_dirt_of(line))
        for path in log_file.paths:
            copy_of = log_file.paths[0] if path != log_file.paths[0] else None
            bucket, _, key = path.partition("/")
            names = {"platform": log_file.platform, "bucket": bucket, "key": key, "day": str(log_file.day)}
            self.files[path] = {**names, "copy_of": copy_of, **count.as_json()}

    def add_course(self, run: Run, path: str, broken_members: tuple[str, ...]) -> None:
        """Count what a course archive holds; every block is in the published tree once."""
        offering = run.offering
        counts = Counter(block.type for block in run.root.walk())
        self.dirt[offering.platform][DirtKind.BROKEN_MEMBER] += len(broken_members)
        self.courses.append(
            {
                "platform": offering.platform,
                "course_id": run.course_id,
                "path": path,
                "org": offering.org,
                "course": offering.number,
                "run": offering.run,
                "title": run.title,
                "start": f"{offering.starts_at:%Y-%m-%dT%H:%M:%SZ}",
                "blocks": counts.total(),
                "counts": {kind.value: counts[kind] for kind in BlockType if kind is not BlockType.COURSE},
                "video_seconds": round(sum(block.duration_s for block in run.root.walk()), 2),
                "broken_members": list(broken_members),
            }
        )

    def as_json(self, recipe: dict[str, object]) -> dict[str, object]:
        """Everything counted, under the recipe that made it."""
        return {
            "recipe": recipe,
            "definitions": DEFINITIONS,
            "files": dict(sorted(self.files.items())),
            "platforms": {name: platform.as_json() for name, platform in self.platforms.items()},
            "courses": self.courses,
            "dirt": {kind.value: self._dirt(kind) for kind in DirtKind},
        }

    def _dirt(self, kind: DirtKind) -> dict[str, object]:
        entry = CATALOGUE[kind]
        by_platform = {name: counts[kind] for name, counts in self.dirt.items()}
        return {
            "meaning": entry.meaning,
            "verdict": entry.verdict.value,
            "reason": entry.reason,
            "count": sum(by_platform.values()),
            "by_platform": by_platform,
        }


def _dirt_of(line: Line) -> list[DirtKind]:
    """The kinds a line counts for: its own, and the form of its payload when it is accepted."""
    kinds = [line.dirt] if line.dirt else []
    if line.is_accepted and (kind := form_dirt(line)):
        kinds.append(kind)
    return kinds
