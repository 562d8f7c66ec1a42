"""The law every reader obeys: read = accepted + quarantined + filtered, and blank lines are counted apart."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from ol_orchestrate.lib.errors import OLDataError


class RowsUnaccounted(OLDataError):  # noqa: N818 - named for what happened, like its siblings
    """A reader's counts do not add up: rows were lost or invented, so nothing of this source may be published."""


@dataclass(frozen=True, slots=True)
class LineCounts:
    """What became of the lines of one source, or of many (`+`).

    `lines` is counted in the input; `accepted` and `quarantined` are read back from what was written.
    """

    lines: int = 0
    blank: int = 0
    accepted: int = 0
    quarantined: int = 0
    filtered: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Self) -> "LineCounts":
        return LineCounts(
            lines=self.lines + other.lines,
            blank=self.blank + other.blank,
            accepted=self.accepted + other.accepted,
            quarantined=self.quarantined + other.quarantined,
            filtered=dict(Counter(self.filtered) + Counter(other.filtered)),
            reasons=dict(Counter(self.reasons) + Counter(other.reasons)),
        )

    @property
    def accounted(self) -> int:
        """Lines whose fate is known."""
        return self.blank + self.accepted + self.quarantined + sum(self.filtered.values())

    def check(self, source: str) -> None:
        """Hold the counts against each other.

        Raises:
            RowsUnaccounted: they do not add up.
        """
        if self.accounted == self.lines and sum(self.reasons.values()) == self.quarantined:
            return
        message = (
            f"Reading {source}: {self.lines} lines went in, {self.accounted} came out "
            f"({self.accepted} accepted, {self.quarantined} quarantined for {dict(self.reasons)}, "
            f"{self.blank} blank, filtered {dict(self.filtered)}). Nothing was published. This is a fault of the "
            "reader: please report it with that file."
        )
        raise RowsUnaccounted(message)
