"""Delivers what edX.org has beside its logs: watches the events of its platform, and snapshots them week by week."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import BinaryIO

from ol_sandbox.business.institution import Institution
from ol_sandbox.business.terms import edge_term
from ol_sandbox.databases.behaviour import StateKeeper
from ol_sandbox.databases.irx import Engagement
from ol_sandbox.databases.writing import open_database
from ol_sandbox.edxorg import reports
from ol_sandbox.edxorg.forum import Forum
from ol_sandbox.edxorg.package import odd_fields, write_package
from ol_sandbox.edxorg.snapshot import Snapshot
from ol_sandbox.events import Event
from ol_sandbox.recipe import Recipe
from ol_sandbox.truth import Truth
from ol_sandbox.writer import SandboxWriter

type Progress = Callable[[str], None]

_SUNDAY = 6
_TESTERS = 5
_EDGE_IDS = 5_000_000


def package_days(recipe: Recipe) -> tuple[date, ...]:
    """The Sundays of the logs; the last day where there is none."""
    sundays = tuple(day for day in recipe.log_days if day.weekday() == _SUNDAY)
    return sundays or recipe.log_days[-1:]


def package_path(day: date) -> str:
    """Where the package of a day is delivered, below `sources`."""
    return f"simeon-mitx-pipeline-main/COLD/mitx-{day}.tar.gz"


class EdxOrg:
    """Watches edX.org: give it every event, then the end of each log day."""

    def __init__(
        self,
        writer: SandboxWriter,
        institution: Institution,
        truth: Truth,
        progress: Progress,
        states: sqlite3.Connection,
    ) -> None:
        self._writer = writer
        self._institution = institution
        self._truth = truth
        self._progress = progress
        self._states = states
        self._keeper: StateKeeper
        self._forum = Forum(states)
        self.engagement = Engagement()

    @classmethod
    @contextmanager
    def watching(
        cls, writer: SandboxWriter, institution: Institution, truth: Truth, progress: Progress
    ) -> Iterator["EdxOrg"]:
        """One with the state of every learner in a scratch database, which is gone when the block ends."""
        beginning = institution.joined["edxorg"]
        now = max(beginning.values())
        with writer.scratch_path() as place, open_database("mitx__openedx__mysql", place, now) as database:
            edxorg = cls(writer, institution, truth, progress, database.connection)
            edxorg._keeper = StateKeeper(database)
            edxorg._keeper.remember(institution, "edxorg")
            yield edxorg

    def observe(self, events: list[Event]) -> None:
        """Take note of what happened on a day."""
        self._keeper.observe(events)
        self._forum.observe(events)
        self.engagement.observe(events)

    def end_day(self, day: date) -> None:
        """Deliver the package and the reports of a day that has them."""
        if day in package_days(self._institution.registry.recipe):
            self._deliver_package(day)
            self._deliver_reports(day)

    def _deliver_package(self, day: date) -> None:
        path, dirt = package_path(day), self._institution.registry.recipe.dirt
        snapshots = tuple(self._snapshots(day))
        self._progress(f"sources/{path}")
        with self._writer.place(f"sources/{path}") as file:
            runs = write_package(file, day, snapshots, self._forum, dirt)
        odd = Counter(kind for run in runs for kind in run.odd.values())
        odd.update(odd_fields(snapshots, dirt))
        self._truth.add_package(path, day, [run.as_json() for run in runs], odd)

    def _snapshots(self, day: date) -> Iterator[Snapshot]:
        at = datetime.combine(day + timedelta(days=1), time(), UTC)
        everybody = self._institution.participations["edxorg"]
        for term in self._institution.terms_of("edxorg"):
            taken = tuple(participation for participation in everybody if participation.term is term)
            yield Snapshot(self._institution, "prod", term, taken, self._states, at)
        yield self._edge(at)

    def _edge(self, at: datetime) -> Snapshot:
        """Edge is another site: a run that is tried out there, by few people with ids of their own."""
        term = edge_term(self._institution.registry.recipe.seed)
        testers: dict[int, object] = {}
        taken = [
            replace(
                participation,
                term=term,
                account=replace(participation.account, user_id=participation.account.user_id + _EDGE_IDS),
                grade=None,
                passed_at=None,
                certificate=None,
            )
            for participation in self._institution.participations["edxorg"]
            if testers.setdefault(participation.account.person, participation) is participation
        ]
        return Snapshot(self._institution, "edge", term, tuple(taken[:_TESTERS]), self._states, at)

    def _deliver_reports(self, day: date) -> None:
        """All of them tell what stands at the end of the day."""
        institution, entitlements = self._institution, "raw__edxorg__program_entitlement"
        learners = reports.learner_rows(institution, day)
        with self._report(reports.learners_path(day), "raw__edxorg__program_learner_report") as report:
            report.rows = reports.write_csv(report.file, reports.LEARNERS, learners)
        with self._report(reports.entitlements_path(day), entitlements) as report:
            report.rows = reports.write_csv(report.file, reports.ENTITLEMENTS, reports.entitlement_rows(institution))
        with self._report(reports.opt_in_path(day), "raw__irx__edxorg__bigquery__email_opt_in") as report:
            report.rows = reports.write_opt_in(report.file, institution)

    @contextmanager
    def _report(self, path: str, raw_table: str) -> Iterator["_Report"]:
        self._progress(f"sources/{path}")
        with self._writer.place(f"sources/{path}") as file:
            report = _Report(file)
            yield report
        self._truth.add_report(path, raw_table, report.rows)


@dataclass(slots=True)
class _Report:
    """A report being written, and how many rows it got."""

    file: BinaryIO
    rows: int = 0
