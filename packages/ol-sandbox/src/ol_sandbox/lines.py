"""One line of a log file as it is planned: its events, what is wrong with it, and what a reader must do with it."""

from dataclasses import dataclass
from datetime import datetime

from ol_sandbox.dirt import CATALOGUE, Dirt, DirtKind, Verdict
from ol_sandbox.events import Event

_CLEAN = Dirt(Verdict.ACCEPTED, "", "an event")


@dataclass(frozen=True, slots=True)
class Line:
    """A planned line.

    Attributes:
        written_at: When it got into the file; orders the lines of a file.
        events: None for noise, two where two writers collided, else one.
        dirt: What is wrong with the line as a whole; a payload's odd form is told by the event.
        salt: Decides what dirt looks like, so that encoding needs no other chance.
    """

    written_at: datetime
    events: tuple[Event, ...] = ()
    dirt: DirtKind | None = None
    salt: int = 0

    @property
    def fate(self) -> Dirt:
        """What a reader must do with the line."""
        return CATALOGUE[self.dirt] if self.dirt else _CLEAN

    @property
    def is_accepted(self) -> bool:
        """Whether it becomes one row."""
        return self.fate.verdict is Verdict.ACCEPTED
