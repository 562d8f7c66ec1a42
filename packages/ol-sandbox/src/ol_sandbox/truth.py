"""Counts what is so, from the plan and never from what was written: the numbers a mart has to equal."""

from collections import Counter, defaultdict
from datetime import date
from typing import Protocol

from ol_sandbox.courses import BlockType, Run
from ol_sandbox.delivery import LogFile
from ol_sandbox.dirt import CATALOGUE, DirtKind
from ol_sandbox.lines import Line
from ol_sandbox.platforms import Platform
from ol_sandbox.schema import Table
from ol_sandbox.tallies import LineCount, PlatformTruth
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
    "course_blocks": "blocks in the answer of a site's blocks API, the root included",
    "packages": "for each run of a weekly package: rows of each table, blocks of the structure, posts of the forum; "
    "odd: members that are not plain, by what is odd about them",
    "reports": "rows of each report of the partner portal, the header not counted",
    "databases": "rows of each table of each source database; older_states: the same rows again, extracted earlier",
    "activity": "fct_activity__course_day: by_learners events that name a course, in the context or else in the path",
}


class CountedRows(Protocol):
    """A database that counted its rows as it was filled."""

    name: str
    tables: dict[str, Table]
    rows: Counter[str]
    repeated: Counter[str]
    literal_nulls: int
    padded_names: int


class Truth:
    """The whole of truth.json, as it grows."""

    def __init__(self, platforms: tuple[Platform, ...]) -> None:
        self.platforms = {platform.name: PlatformTruth(platform) for platform in platforms}
        self.files: dict[str, dict[str, object]] = {}
        self.courses: list[dict[str, object]] = []
        self.dirt: defaultdict[str, Counter[DirtKind]] = defaultdict(Counter, {p.name: Counter() for p in platforms})
        self.databases: dict[str, dict[str, object]] = {}
        self.blocks: dict[str, dict[str, object]] = {}
        self.packages: dict[str, dict[str, object]] = {}
        self.reports: dict[str, dict[str, object]] = {}
        self.answers: dict[str, object] = {}

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

    def add_database(self, path: str, counted: CountedRows, platform: str) -> None:
        """Count a database as it was filled, its empty tables too."""
        tables = {
            name: {"raw_table": table.raw_name, "rows": counted.rows[name], "older_states": counted.repeated[name]}
            for name, table in sorted(counted.tables.items())
        }
        self.databases[path] = {"database": counted.name, "rows": counted.rows.total(), "tables": tables}
        dirt = self.dirt[platform]
        dirt[DirtKind.AIRBYTE_DUPLICATE] += counted.repeated.total()
        dirt[DirtKind.LITERAL_NULL] += counted.literal_nulls
        dirt[DirtKind.PADDED_NAME] += counted.padded_names

    def add_package(self, path: str, day: date, runs: list[dict[str, object]], odd: Counter[DirtKind]) -> None:
        """Count a weekly package: what it holds of each run, and what is odd in it."""
        self.packages[f"sources/{path}"] = {"day": str(day), "runs": runs}
        self.dirt["edxorg"].update(odd)

    def add_blocks(self, path: str, platform: str, course_id: str, blocks: int) -> None:
        """Count what a site's blocks API answers for one run."""
        self.blocks[path] = {"platform": platform, "course_id": course_id, "blocks": blocks}

    def add_report(self, path: str, raw_table: str, rows: int) -> None:
        """Count a report of the partner portal."""
        self.reports[f"sources/{path}"] = {"raw_table": raw_table, "rows": rows}

    def as_json(self, recipe: dict[str, object]) -> dict[str, object]:
        """Everything counted, under the recipe that made it."""
        return {
            "recipe": recipe,
            "definitions": DEFINITIONS,
            "files": dict(sorted(self.files.items())),
            "platforms": {name: platform.as_json() for name, platform in self.platforms.items()},
            "courses": self.courses,
            "dirt": {kind.value: self._dirt(kind) for kind in DirtKind},
            "databases": self.databases,
            "course_blocks": self.blocks,
            "packages": self.packages,
            "reports": self.reports,
            "answers": self.answers,
        }

    def _dirt(self, kind: DirtKind) -> dict[str, object]:
        entry = CATALOGUE[kind]
        by_platform = {name: n[kind] for name, n in self.dirt.items() if name in self.platforms or n[kind]}
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
