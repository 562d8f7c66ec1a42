"""Which line ends up in which file: log days, hosts, rotation, late arrivals and overlaps."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zlib import crc32

from ol_sandbox.behaviour import events_of
from ol_sandbox.dirt import DirtKind
from ol_sandbox.events import Event
from ol_sandbox.lines import Line
from ol_sandbox.platforms import Platform
from ol_sandbox.randomness import stream
from ol_sandbox.recipe import Recipe
from ol_sandbox.registry import Registry
from ol_sandbox.soiling import in_order, mark_events, plain_form, soiled, strew

_IDLE_HOST = "lms-web-3"


type _LinesByHost = defaultdict[str, list[Line]]
type Observer = Callable[[list[Event]], None]


@dataclass(frozen=True, slots=True)
class LogFile:
    """One log file as it is planned.

    Attributes:
        platform: Name of the platform whose events it holds.
        day: The day in its name, which is not the day of its events.
        paths: Where it is delivered, below `sources`; the first is the file, the others are copies of it.
        lines: In the order of the file.
        dirt: What is odd about the file as a whole.
    """

    platform: str
    day: date
    paths: tuple[str, ...]
    lines: tuple[Line, ...]
    dirt: frozenset[DirtKind]


def log_files(registry: Registry, platform: Platform, observe: Observer = lambda _events: None) -> Iterator[LogFile]:
    """The files of one platform, by day and host. Holds one day of events at a time.

    Args:
        registry: The institution.
        platform: Whose files.
        observe: Called with what happened on a day, by time and before anything is soiled, ahead of the day's files.
    """
    running_on: list[Event] = []
    yesterday: _LogDay | None = None
    for day in registry.recipe.log_days:
        _, end = platform.log_window(day)
        happened = events_of(registry, platform, day)
        observe(happened)
        events = sorted([*running_on, *happened], key=lambda event: event.at)
        running_on = [event for event in events if event.at >= end]
        log_day = _LogDay(registry.recipe, platform, day, yesterday)
        log_day.place([event for event in events if event.at < end])
        yield from log_day.files()
        yesterday = log_day


class _LogDay:
    """The lines of one log day by host, and those it leaves for the next day."""

    def __init__(self, recipe: Recipe, platform: Platform, day: date, yesterday: "_LogDay | None") -> None:
        self.recipe = recipe
        self.platform = platform
        self.day = day
        self.hosts = platform.log_hosts or ("",)
        self.today: _LinesByHost = yesterday.tomorrow if yesterday else defaultdict(list)
        self.tomorrow: _LinesByHost = defaultdict(list)

    @property
    def is_first(self) -> bool:
        return self.day == self.recipe.log_days[0]

    @property
    def is_last(self) -> bool:
        return self.day == self.recipe.log_days[-1]

    def place(self, events: list[Event]) -> None:
        """Turn events, ordered by time, into lines, and put each where it is delivered."""
        for host in self.hosts:
            own = [plain_form(event, self.recipe.dirt) for event in events if _host_of(event, self.hosts) == host]
            marks = mark_events(self.recipe, (self.platform.name, self.day, host), own)
            chance = stream(self.recipe.seed, "salt", self.platform.name, self.day, host)
            for index, event in enumerate(own):
                line = Line(event.at, (event,), salt=chance.getrandbits(32))
                if marks.get(index) is not DirtKind.TWO_OBJECTS:
                    self._deliver(host, line, event, marks.get(index))
                elif index % 2 == 0:  # the odd one shares this line
                    events_of_line = (event, own[index + 1])
                    self.today[host].append(replace(line, events=events_of_line, dirt=DirtKind.TWO_OBJECTS))

    def _deliver(self, host: str, line: Line, event: Event, mark: DirtKind | None) -> None:
        match mark:
            case DirtKind.DUPLICATE:
                self.today[host].append(line)
                self._deliver_again(host, replace(line, dirt=mark))
            case DirtKind.LATE if self.is_last:
                self.today[host].append(line)
            case DirtKind.LATE:
                late = soiled(event, mark)
                self.tomorrow[host].append(replace(line, events=(late,), dirt=mark, written_at=late.arrived_at))
            case _:
                self.today[host].append(replace(line, events=(soiled(event, mark),), dirt=mark))

    def _deliver_again(self, host: str, line: Line) -> None:
        """Into the other host's file or the next day's; a single host's last day has no file that overlaps."""
        if len(self.hosts) > 1 and (line.salt % 2 or self.is_last):
            other = self.hosts[(self.hosts.index(host) + 1) % len(self.hosts)]
            self.today[other].append(line)
        elif not self.is_last:
            self.tomorrow[host].append(replace(line, written_at=line.written_at + timedelta(days=1)))

    def files(self) -> Iterator[LogFile]:
        """The day's files, noise and all."""
        for host in self.hosts:
            lines = strew(self.recipe, (self.platform.name, self.day, host), in_order(self.today[host]))
            yield self._file(host, tuple(lines), self._file_dirt(host))
        if self.platform.log_hosts and self.is_first and DirtKind.EMPTY_FILE in self.recipe.dirt:
            yield self._file(_IDLE_HOST, (), frozenset({DirtKind.EMPTY_FILE}))

    def _file_dirt(self, host: str) -> frozenset[DirtKind]:
        odd = {DirtKind.GZIP_MEMBERS: self.is_first, DirtKind.NO_FINAL_NEWLINE: self.is_last}
        is_odd_host = host == self.hosts[0]
        return frozenset(kind for kind, is_odd in odd.items() if is_odd and is_odd_host) & self.recipe.dirt

    def _file(self, host: str, lines: tuple[Line, ...], dirt: frozenset[DirtKind]) -> LogFile:
        name, environment = self.platform.name, self.recipe.environment
        if host:
            _, rotated_at = self.platform.log_window(self.day)
            base = f"tracking.log-{self.day:%Y%m%d}-{int(rotated_at.timestamp())}.gz"
            paths: tuple[str, ...] = (f"{name}-{environment}-edxapp-tracking/logs/{host}/{base}",)
        else:
            base = f"mitx-edx-events-{self.day}.log.gz"
            paths = (
                f"simeon-mitx-pipeline-main/COLD/{base}",
                f"ol-data-lake-landing-zone-{environment}/edxorg-raw-data/logs/{base}",
            )
        return LogFile(name, self.day, paths, lines, dirt)


def _host_of(event: Event, hosts: tuple[str, ...]) -> str:
    """A sitting stays on one host."""
    account = event.visit.account
    key = event.visit.session or (account.username if account else event.at.isoformat())
    return hosts[crc32(key.encode()) % len(hosts)]
