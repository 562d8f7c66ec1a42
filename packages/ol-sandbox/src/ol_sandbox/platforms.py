"""The learning platforms of the institution, and the days their log files cover."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta


@dataclass(frozen=True, slots=True)
class Platform:
    """One learning site.

    Attributes:
        name: As in the platform's own list of sites.
        host: What learners type.
        log_hosts: Machines that write logs, each a folder; empty where one daily file is delivered.
        log_day_starts: When the log file of a day begins, counted from that day's midnight UTC.
    """

    name: str
    host: str
    log_hosts: tuple[str, ...]
    log_day_starts: timedelta

    def log_window(self, day: date) -> tuple[datetime, datetime]:
        """First moment and end (exclusive) of what the log file named after `day` holds."""
        start = datetime.combine(day, time(), UTC) + self.log_day_starts
        return start, start + timedelta(days=1)


_ROTATION = timedelta(hours=3, minutes=25) - timedelta(days=1)
"""A site's file is named after the day it was rotated on, so most of what it holds is from the day before."""

_WEB_HOSTS = ("lms-web-1", "lms-web-2")

PLATFORMS = (
    Platform("mitxonline", "mitxonline.example.edu", _WEB_HOSTS, _ROTATION),
    Platform("xpro", "xpro.example.edu", _WEB_HOSTS, _ROTATION),
    Platform("edxorg", "edxorg.example.edu", (), timedelta(0)),
    Platform("mitx", "residential.example.edu", _WEB_HOSTS, _ROTATION),
)
"""All there are; a size may have fewer."""


def platforms_named(names: tuple[str, ...]) -> tuple[Platform, ...]:
    """The platforms of these names, in the order of `PLATFORMS`."""
    return tuple(platform for platform in PLATFORMS if platform.name in names)
