"""One sitting of one learner: a clock, and a list of what happened so far."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ol_sandbox.courses import Block, Run
from ol_sandbox.events import Event, Form, Source, Visit
from ol_sandbox.people import Account


class Sitting:
    """Collects the events of a visit; its clock only moves forward, by a second at least.

    A second, so that times written in whole seconds keep their order.
    """

    def __init__(self, visit: Visit, chance: random.Random, starts_at: datetime) -> None:
        self.visit = visit
        self.chance = chance
        self.now = starts_at
        self.events: list[Event] = []

    @property
    def run(self) -> Run:
        """The run the learner sits in."""
        assert self.visit.run is not None  # noqa: S101 - a sitting is always in a run
        return self.visit.run

    @property
    def account(self) -> Account:
        """The learner."""
        assert self.visit.account is not None  # noqa: S101 - a sitting is always somebody's
        return self.visit.account

    def page_of(self, block: Block) -> str:
        """Address of the page that shows a block."""
        return f"https://{self.visit.host}{course_path(self.run)}/courseware/{block.url_name}/"

    def wait(self, longest_s: float) -> None:
        """Let time pass, at least a second."""
        self.now += timedelta(microseconds=self.chance.randrange(1_000_000, max(1_000_001, int(longest_s * 1e6))))

    def browser(self, name: str, payload: Mapping[str, object], block: Block, *, event_type: str = "") -> None:
        """What the page's scripts report: the payload as text."""
        page = self.page_of(block)
        self._note(name, event_type or name, Source.BROWSER, payload, Form.TEXT, block, "/event", page)

    def browser_answers(self, name: str, payload: Mapping[str, object] | list[str], form: Form, block: Block) -> None:
        """What the page reports of a problem's answers, in one of their odd forms."""
        self._note(name, name, Source.BROWSER, payload, form, block, "/event", self.page_of(block))

    def server(self, name: str, payload: Mapping[str, object], block: Block | None, path: str) -> None:
        """What the site reports by name."""
        page = "x_module" if block else None
        self._note(name, name, Source.SERVER, payload, Form.OBJECT, block, path, page)

    def request(self, path: str, post: Mapping[str, object] | None = None) -> None:
        """What the site reports of any request: the path is the event's name."""
        payload = {"POST": dict(post or {}), "GET": {}}
        self._note(path, path, Source.SERVER, payload, Form.REQUEST_DUMP, None, path, None)

    def request_outside_course(self, path: str) -> None:
        """A request for a page that belongs to no course."""
        outside = replace(self.visit, run=None)
        payload: dict[str, object] = {"POST": {}, "GET": {}}
        event = Event(outside, self.now, path, path, Source.SERVER, payload, Form.REQUEST_DUMP, None, path, None)
        self.events.append(event)

    def mobile(self, name: str, event_type: str, payload: Mapping[str, object], block: Block) -> None:
        """What the app reports."""
        path = "/segmentio/event"
        self._note(name, event_type, Source.MOBILE, payload, Form.TEXT, block, path, self.page_of(block))

    def _note(
        self,
        name: str,
        event_type: str,
        source: Source,
        payload: Mapping[str, object] | list[str],
        form: Form,
        block: Block | None,
        path: str,
        page: str | None,
    ) -> None:
        self.events.append(Event(self.visit, self.now, name, event_type, source, payload, form, block, path, page))


def course_path(run: Run) -> str:
    """Path under which a site shows a run."""
    return f"/courses/{run.course_id}"
