"""Puts the databases in place: those of the sites grow beside their logs, the others are written from what is so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from ol_sandbox.business.institution import Institution
from ol_sandbox.databases import bootcamps, irx, micromasters, mitlearn, mitxonline, ocw, xpro
from ol_sandbox.databases.behaviour import StateKeeper
from ol_sandbox.databases.irx import Engagement
from ol_sandbox.databases.site import Rows, site_rows
from ol_sandbox.databases.writing import Database, open_database
from ol_sandbox.dirt import DirtKind
from ol_sandbox.truth import Truth
from ol_sandbox.writer import SandboxWriter

type Progress = Callable[[str], None]

APPLICATIONS: dict[str, Callable[[Institution], Rows]] = {
    "mitxonline__app__postgres": mitxonline.rows,
    "xpro__app__postgres": xpro.rows,
    "micromasters__app__postgres": micromasters.rows,
    "bootcamps__app__postgres": bootcamps.rows,
    "mitlearn__app__postgres": mitlearn.rows,
    "ocw__studio__postgres": ocw.rows,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where databases go and who is told."""

    writer: SandboxWriter
    institution: Institution
    truth: Truth
    progress: Progress

    @contextmanager
    def site(self, platform: str) -> Iterator[StateKeeper]:
        """The database of an Open edX site: give the keeper every event, and it is delivered when the block ends."""
        with self._database(f"{platform}__openedx__mysql", platform) as database:
            for table, row in site_rows(self.institution, platform):
                database.add_what_fits(table, row)
            keeper = StateKeeper(database)
            keeper.remember(self.institution, platform)
            yield keeper
            keeper.finish()

    def applications(self, engagement: Engagement) -> None:
        """Every other database."""
        for name, rows in APPLICATIONS.items():
            self._write(name, rows(self.institution))
        self._write("irx__edxorg__bigquery", irx.rows(self.institution, engagement))

    def _write(self, name: str, rows: Rows) -> None:
        system = name.partition("__")[0]
        with self._database(name, "edxorg" if system == "irx" else system) as database:
            for table, row in rows:
                database.add(table, row)

    @contextmanager
    def _database(self, name: str, platform: str) -> Iterator[Database]:
        path = f"sources/databases/{name}.sqlite"
        recipe = self.institution.registry.recipe
        with (
            self.writer.place_path(path) as scratch,
            open_database(name, scratch, synced_at(self.institution)) as database,
        ):
            yield database
            if DirtKind.AIRBYTE_DUPLICATE in recipe.dirt:
                database.repeat_older_states()
            self.progress(path)
        self.truth.add_database(path, database, platform)


def synced_at(institution: Institution) -> datetime:
    """When the databases were last copied: noon after the last log."""
    last = institution.registry.recipe.log_days[-1]
    return datetime.combine(last + timedelta(days=1), time(12), UTC)
