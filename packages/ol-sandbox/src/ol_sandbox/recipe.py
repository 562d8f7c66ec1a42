"""What is asked for: everything that decides the content of a build."""

from dataclasses import dataclass
from datetime import date, timedelta

from ol_sandbox.dirt import DirtKind

FIRST_DAY = date(2026, 3, 2)
"""Day in the name of the first log file; every platform's tracking logs start before it."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large the institution is.

    Attributes:
        people: Persons in the whole institution.
        days: Days of logs when none are asked for.
        sessions_per_day: Expected learning sessions per platform and day.
        dirty_lines: Lines of each kind of dirt per log line; at least one per file.
        platforms: Names of the learning platforms, in order.
        invented_runs: Runs on each platform beside those decided by hand; None leaves out all that tiny leaves out.
    """

    people: int
    days: int
    sessions_per_day: int
    dirty_lines: float
    platforms: tuple[str, ...] = ("mitxonline", "xpro", "edxorg", "mitx")
    invented_runs: int | None = 0


SIZES = {
    "tiny": Size(60, 3, 28, 0.003, platforms=("mitxonline", "xpro", "edxorg"), invented_runs=None),
    "small": Size(500, 10, 70, 0.001, invented_runs=1),
    "medium": Size(2_000, 21, 220, 0.0005, invented_runs=4),
    "large": Size(5_000, 30, 500, 0.0002, invented_runs=8),
}
"""From a test's worth to more than a million events; the numbers that a person sees first are in the README."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Equal recipes make equal bytes.

    Attributes:
        seed: Any whole number.
        size: A name in `SIZES`.
        days: Days of logs, from `FIRST_DAY` on.
        dirt: The kinds of dirt to inject.
        environment: The word for the environment in the names of buckets.
    """

    seed: int
    size: str = "tiny"
    days: int = SIZES["tiny"].days
    dirt: frozenset[DirtKind] = frozenset(DirtKind)
    environment: str = "qa"

    @property
    def scale(self) -> Size:
        """The numbers behind the size's name."""
        return SIZES[self.size]

    @property
    def log_days(self) -> tuple[date, ...]:
        """The days that log files are named after."""
        return tuple(FIRST_DAY + timedelta(days=index) for index in range(self.days))

    def as_json(self) -> dict[str, object]:
        """The recipe as it stands in truth.json."""
        return {
            "seed": self.seed,
            "size": self.size,
            "days": self.days,
            "environment": self.environment,
            "dirt": [kind.value for kind in DirtKind if kind in self.dirt],
        }
