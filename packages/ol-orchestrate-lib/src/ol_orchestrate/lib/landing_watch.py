"""What has landed for a raw table, looked at again and again: only manifests that changed are read."""

import time
from threading import Lock

from ol_orchestrate.lib.inventory import RawTable
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.raw_tables import LandedFile, files_of, landed_version


class LandingWatch:
    """Remembers the manifests of one raw table from one look to the next.

    A look is one listing and a request for each manifest that is new or another than before. Memory: about half a
    kilobyte for each landed object of the table.

    Args:
        zone: Where the table's files land.
        table: Which table.
    """

    def __init__(self, zone: LandingZone, table: RawTable) -> None:
        self._zone = zone
        self._table = table
        self._states: dict[str, str] = {}
        self._files: dict[str, tuple[LandedFile, ...]] = {}
        self._one_at_a_time = Lock()  # Dagster starts the next tick while one it gave up on still runs

    @property
    def manifests(self) -> int:
        """How many are known."""
        return len(self._states)

    def version(self, deadline: float) -> str | None:
        """`raw_tables.landed_version` of what has landed; None when `deadline` passed before all was read.

        What was read until then is kept, so that a next call gets further: by one manifest at least.

        Args:
            deadline: On the clock of `time.monotonic`, in seconds.

        Raises:
            MalformedInput: A manifest cannot be read.
            SourceRejected, SourceUnavailable: The store said no, or did not answer.
        """
        with self._one_at_a_time:
            return self._version(deadline)

    def _version(self, deadline: float) -> str | None:
        now = self._zone.manifest_states(self._table.source.prefix)
        for gone in self._states.keys() - now.keys():
            del self._states[gone], self._files[gone]
        due = [directory for directory, state in now.items() if self._states.get(directory) != state]
        for left, (directory, manifest) in zip(range(len(due), 0, -1), self._zone.read_manifests(due), strict=False):
            # The state of before the reading: a change in between is seen at the next look.
            self._states[directory] = now[directory]
            self._files[directory] = files_of(self._zone, self._table, directory, manifest)
            if left > 1 and time.monotonic() > deadline:
                return None
        return landed_version(file for files in self._files.values() for file in files)
