"""One thing that happened: what an event is before anybody writes it down, and which families events belong to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ol_sandbox.courses import Block, Run
from ol_sandbox.people import Account


class Source(StrEnum):
    """Who reported an event."""

    BROWSER = "browser"
    SERVER = "server"
    MOBILE = "mobile"


class Form(StrEnum):
    """How the payload stands in the log; a request dump is cut at 512 characters, so it may be no JSON any more."""

    OBJECT = "object"
    TEXT = "text"
    URL_ENCODED = "url_encoded"
    REQUEST_DUMP = "request_dump"


class Family(StrEnum):
    """The groups of events that have a fact of their own."""

    VIDEO = "video"
    PROBLEM = "problem"
    DISCUSSION = "discussion"
    NAVIGATION = "navigation"


@dataclass(frozen=True, slots=True)
class Visit:
    """The circumstances an event happened in: one learner, one sitting.

    Attributes:
        account: None for what happens without anybody, such as a heartbeat.
        run: None outside any course.
        session: 32 hexadecimal digits; empty on mobile and server-only events.
    """

    platform: str
    host: str
    account: Account | None
    run: Run | None
    session: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a moment.

    Attributes:
        name: What it is called today.
        event_type: What it was called before; the same as `name` for most, the path for implicit events.
        payload: An object, or a list for `problem_graded`.
        block: The block it is about, when it is about one.
        path: Path of the request, without the host.
        page: Where the learner was; None where the server has none to tell.
        received_at: When the server got it; None unless it came later than it happened.
    """

    visit: Visit
    at: datetime
    name: str
    event_type: str
    source: Source
    payload: Mapping[str, object] | list[str]
    form: Form
    block: Block | None
    path: str
    page: str | None
    received_at: datetime | None = None

    @property
    def arrived_at(self) -> datetime:
        """When the server wrote it down."""
        return self.received_at or self.at

    @property
    def family(self) -> Family | None:
        """The fact it belongs to, or None."""
        if self.event_type in VIDEO_TYPES:
            return Family.VIDEO
        if self.name in NAVIGATION_NAMES:
            return Family.NAVIGATION
        if self.name.startswith("edx.forum."):
            return Family.DISCUSSION
        if self.name in PROBLEM_NAMES and self.source is Source.SERVER:
            return Family.PROBLEM
        return None


VIDEO_TYPES = frozenset(
    {
        "load_video",
        "play_video",
        "seek_video",
        "pause_video",
        "stop_video",
        "complete_video",
        "speed_change_video",
        "show_transcript",
        "hide_transcript",
        "edx.video.closed_captions.hidden",
        "edx.video.closed_captions.shown",
    }
)
PROBLEM_NAMES = frozenset({"problem_check", "showanswer", "edx.grades.problem.submitted"})
NAVIGATION_NAMES = frozenset(
    {
        "edx.ui.lms.jump_nav.selected",
        "edx.ui.lms.link_clicked",
        "edx.ui.lms.outline.selected",
        "edx.ui.lms.sequence.next_selected",
        "edx.ui.lms.sequence.previous_selected",
        "edx.ui.lms.sequence.tab_selected",
    }
)
