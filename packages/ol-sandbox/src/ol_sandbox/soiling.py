"""Decides which events of a log file get which dirt, and which noise is strewn between them.

Every kind is decided from a stream of its own and as if all kinds were switched on; only then are those that are off
taken back. Switching one kind therefore changes no other line.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from ol_sandbox.dirt import SPOILING, STANDALONE, TIME_FORMS, DirtKind
from ol_sandbox.events import Event, Form, Source
from ol_sandbox.lines import Line
from ol_sandbox.randomness import stream, take
from ol_sandbox.recipe import Recipe
from ol_sandbox.sitting import course_path

_PRECONDITIONS = frozenset({"load_video", "edx.course.enrollment.activated"})
"""Events that others depend on: what follows them must not be accepted without them."""

_MARKS = (
    *SPOILING,
    DirtKind.LATE,
    DirtKind.DUPLICATE,
    DirtKind.BLANK_USERNAME,
    DirtKind.PADDED_USERNAME,
    DirtKind.USER_ID_TEXT,
    DirtKind.COURSE_IN_PATH,
    DirtKind.BACKEND_SHAPE,
    DirtKind.PREFIXED,
    DirtKind.UNKNOWN_KEY,
    DirtKind.SPARSE,
    DirtKind.EVENT_EMPTY,
    DirtKind.EVENT_MISSING,
    *TIME_FORMS,
)


def mark_events(recipe: Recipe, concern: tuple[object, ...], events: list[Event]) -> dict[int, DirtKind]:
    """At most one kind of dirt for each event, by its index in the file; for two objects both indexes are marked."""
    marks: dict[int, DirtKind] = {}
    count = dirty_count(recipe, len(events))
    for kind in _MARKS:
        chance = stream(recipe.seed, "dirt", kind, *concern)
        free = [index for index in range(len(events)) if index not in marks]
        if kind is DirtKind.TWO_OBJECTS:
            chosen = [i for first in take(chance, _pairs(events, free), count) for i in (first, first + 1)]
        else:
            chosen = take(chance, [index for index in free if _may_carry(kind, events[index])], count)
        marks.update(dict.fromkeys(chosen, kind))
    return {index: kind for index, kind in marks.items() if kind in recipe.dirt}


def dirty_count(recipe: Recipe, lines: int) -> int:
    """How many of so many lines get one kind of dirt."""
    return max(1, round(lines * recipe.scale.dirty_lines)) if lines else 0


def _pairs(events: list[Event], free: list[int]) -> list[int]:
    """Even indexes that can be joined with the next one."""
    usable = {index for index in free if _may_carry(DirtKind.TWO_OBJECTS, events[index])}
    return [index for index in sorted(usable) if index % 2 == 0 and index + 1 in usable]


def _may_carry(kind: DirtKind, event: Event) -> bool:
    visit = event.visit
    match kind:
        case DirtKind.LATE:
            return event.source is Source.MOBILE and event.event_type not in _PRECONDITIONS
        case DirtKind.DUPLICATE | DirtKind.BLANK_USERNAME | DirtKind.PADDED_USERNAME | DirtKind.USER_ID_TEXT:
            return visit.account is not None and event.event_type not in _PRECONDITIONS
        case DirtKind.COURSE_IN_PATH:
            return visit.run is not None and event.path.startswith(course_path(visit.run) + "/")
        case DirtKind.BACKEND_SHAPE:
            return _fits_backend_shape(event)
        case DirtKind.SPARSE:
            return visit.run is None
        case DirtKind.EVENT_EMPTY | DirtKind.EVENT_MISSING:
            return event.name == "page_close"
        case _ if kind in SPOILING:
            return event.event_type not in _PRECONDITIONS
    return True


def _fits_backend_shape(event: Event) -> bool:
    """Its payload must be an object, and its name all there is to tell."""
    return (
        event.form in (Form.OBJECT, Form.TEXT)
        and not isinstance(event.payload, list)
        and event.name == event.event_type
        and event.source is not Source.MOBILE
    )


def soiled(event: Event, kind: DirtKind | None) -> Event:
    """The event as it really is under this dirt: nobody's, or known to the second only."""
    match kind:
        case DirtKind.BLANK_USERNAME:
            return replace(event, visit=replace(event.visit, account=None))
        case DirtKind.TIME_WHOLE_SECONDS | DirtKind.TIME_EPOCH_SECONDS:
            return replace(event, at=event.at.replace(microsecond=0))
        case DirtKind.TIME_EPOCH_MILLISECONDS:
            return replace(event, at=event.at.replace(microsecond=event.at.microsecond // 1000 * 1000))
        case DirtKind.BACKEND_SHAPE:
            return replace(event, form=Form.OBJECT)
        case DirtKind.LATE:
            return replace(event, received_at=event.at + timedelta(days=1))
    return event


def plain_form(event: Event, enabled: frozenset[DirtKind]) -> Event:
    """The event with its payload in the plainest form that the switches leave."""
    match event.form:
        case Form.TEXT if DirtKind.EVENT_AS_TEXT not in enabled:
            return replace(event, form=Form.OBJECT)
        case Form.URL_ENCODED if DirtKind.EVENT_URL_ENCODED not in enabled:
            return replace(event, form=Form.OBJECT)
        case Form.REQUEST_DUMP if DirtKind.EVENT_AS_TEXT not in enabled:
            return replace(event, form=Form.OBJECT)
        case Form.REQUEST_DUMP if DirtKind.EVENT_CUT not in enabled:
            return replace(event, form=Form.TEXT)
    return event


def strew(recipe: Recipe, concern: tuple[object, ...], lines: list[Line]) -> list[Line]:
    """The lines with noise between them; the last line stays an event, so that a file never ends in a blank."""
    strewn: list[Line] = []
    for kind in STANDALONE:
        if kind in recipe.dirt and lines:
            chance = stream(recipe.seed, "noise", kind, *concern)
            moments = [chance.choice(lines).written_at for _ in range(dirty_count(recipe, len(lines)))]
            strewn.extend(Line(moment, dirt=kind, salt=chance.getrandbits(32)) for moment in moments)
    return in_order([*strewn, *lines])


def in_order(lines: Iterable[Line]) -> list[Line]:
    """By the moment they were written; noise comes before the event of its moment."""

    def moment(line: Line) -> tuple[datetime, bool]:
        return line.written_at, bool(line.events)

    return sorted(lines, key=moment)
