"""Where the logs of a day are, and where what is made of them goes."""

import re
from collections.abc import Iterator
from datetime import date

from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.object_store import keys_below
from ol_orchestrate.lib.openedx.deployments import TrackingSource
from ol_orchestrate.lib.openedx.tracking_landing import READER, LogDirectory, LogFile, stems_of


class LogDay:
    """One day of one source's tracking logs.

    A day is what the delivered objects say in their path, `YYYY-MM-DD` or `YYYYMMDD`: the day of rotation. The
    events in them are mostly of the day before.

    Args:
        source: Whose logs.
        storage: Where its bucket is.
        day: As `YYYY-MM-DD`.

    Raises:
        ValueError: there is no such day.
    """

    def __init__(self, source: TrackingSource, storage: Storage, day: str) -> None:
        if date.fromisoformat(day).isoformat() != day:
            message = f"{day!r} is not a day; write it as YYYY-MM-DD"
            raise ValueError(message)
        self.source = source
        self.day = day
        self.bucket = LandingZone(storage.bucket_uri(source.bucket))
        self._quarantine = LandingZone(storage.quarantine_uri)

    def raw_files(self) -> list[LogFile]:
        """The delivered objects of the day, sorted by key: one listing of the raw prefix.

        The host's directory stays in the output, so that equal base names of two hosts do not collide. Where a log was
        delivered plain and again compressed, the compressed one keeps its suffix for the same reason.
        """
        return [self._log_file(key, stem) for key, stem in stems_of(set(self._of_this_day()))]

    def _log_file(self, below: str, stem: str) -> LogFile:
        key = f"{self.source.prefix}/{below}"
        return LogFile(key, stem, self.bucket.path(key))

    def _of_this_day(self) -> Iterator[str]:
        # What stands before a date is no digit: ten-digit epochs, which rotation puts into names, hold other dates.
        spelled = re.compile(rf"(?<!\d)({self.day}|{self.day.replace('-', '')})")
        return (key for key in self._delivered() if spelled.search(key))

    def _delivered(self) -> Iterator[str]:
        """Keys below the raw prefix; neither folders, which some stores list too, nor hidden files on their way."""
        below = keys_below(self.bucket.path(self.source.prefix))
        return (key for key in below if not key.endswith("/") and not key.rpartition("/")[2].startswith("."))

    def normalized(self) -> LogDirectory:
        """Where the normalized logs of the day are, and its quarantine."""
        quarantine_directory = f"{READER}/{self.source.name}/{self.day}"
        return LogDirectory(
            self.bucket, f"{self.source.valid_prefix}/{self.day}", self._quarantine, quarantine_directory
        )

    @property
    def jsonified_directory(self) -> str:
        """Where the jsonified logs of the day go, below the bucket."""
        return f"{self.source.jsonified_prefix}/{self.day}"
