"""Who does what on which day, and when: the events of a platform, made one log day at a time."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from ol_sandbox import activities
from ol_sandbox.courses import Block, BlockType
from ol_sandbox.events import Event, Form, Source, Visit
from ol_sandbox.platforms import Platform
from ol_sandbox.randomness import hexadecimal, rounded, stream
from ol_sandbox.registry import Enrolment, Registry
from ol_sandbox.sitting import Sitting, course_path

_LONGEST_SITTING = timedelta(hours=2)
_SHARE_OF_MOBILE = 0.15
_SHARE_OF_LAST_MINUTE = 0.1
"""So many sittings begin just before a log day ends, so that there are always some that run into the next file."""
_HEARTBEAT_EVERY = timedelta(minutes=47)


def events_of(registry: Registry, platform: Platform, day: date) -> list[Event]:
    """Everything that begins on a log day, by time.

    A sitting that begins near the end of the day runs into the next one; on the last day all end in time.
    """
    happened = list(_heartbeats(registry, platform, day))
    for enrolment in registry.enrolments[platform.name]:
        happened.extend(_enrolling(platform, day, enrolment))
        for sitting in _sittings(registry, platform, day, enrolment):
            happened.extend(sitting.events)
    return sorted(happened, key=lambda event: event.at)


def _heartbeats(registry: Registry, platform: Platform, day: date) -> Iterator[Event]:
    """The load balancer asking whether the site is alive: nobody, and no course."""
    at, end = platform.log_window(day)
    chance = stream(registry.recipe.seed, "heartbeat", platform.name, day)
    visit = Visit(platform.name, platform.host, None, None, "")
    payload: dict[str, object] = {"POST": {}, "GET": {}}
    path = "/heartbeat"
    while (at := at + _HEARTBEAT_EVERY + timedelta(microseconds=chance.randrange(1_000_000))) < end:
        yield Event(visit, at, path, path, Source.SERVER, payload, Form.REQUEST_DUMP, None, path, None)


def _enrolling(platform: Platform, day: date, enrolment: Enrolment) -> Iterator[Event]:
    start, end = platform.log_window(day)
    if start <= enrolment.at < end:
        run, account = enrolment.run, enrolment.account
        payload = {"course_id": run.course_id, "user_id": account.user_id, "mode": enrolment.mode}
        name = "edx.course.enrollment.activated"
        visit = Visit(platform.name, platform.host, account, run, "")
        path = "/api/enrollment/v1/enrollment"
        yield Event(visit, enrolment.at, name, name, Source.SERVER, payload, Form.OBJECT, None, path, None)


def _sittings(registry: Registry, platform: Platform, day: date, enrolment: Enrolment) -> Iterator[Sitting]:
    concern = ("behaviour", platform.name, enrolment.run.course_id, enrolment.account.person, day)
    chance = stream(registry.recipe.seed, *concern)
    expected = registry.recipe.scale.sessions_per_day / len(registry.enrolments[platform.name])
    for _ in range(rounded(chance, expected)):
        starts_at = _starts_at(chance, registry, platform, day)
        if starts_at > enrolment.at + timedelta(minutes=1):
            yield _sit(chance, platform, enrolment, starts_at)


def _starts_at(chance: random.Random, registry: Registry, platform: Platform, day: date) -> datetime:
    start, end = platform.log_window(day)
    if day == registry.recipe.log_days[-1]:
        end -= _LONGEST_SITTING
    if chance.random() < _SHARE_OF_LAST_MINUTE:
        start = end - timedelta(minutes=5)
    length_us = (end - start) // timedelta(microseconds=1)
    return start + timedelta(microseconds=chance.randrange(length_us))


def _sit(chance: random.Random, platform: Platform, enrolment: Enrolment, starts_at: datetime) -> Sitting:
    on_the_go = chance.random() < _SHARE_OF_MOBILE
    session = "" if on_the_go else hexadecimal(chance, 32)
    visit = Visit(platform.name, platform.host, enrolment.account, enrolment.run, session)
    sitting = Sitting(visit, chance, starts_at)
    if on_the_go:
        _study_on_the_go(sitting)
    else:
        _study(sitting)
    return sitting


def _study(sitting: Sitting) -> None:
    """From the dashboard into one section, through some of its tabs, and out."""
    sequential = sitting.chance.choice(sitting.run.root.below(BlockType.SEQUENTIAL))
    sitting.request_outside_course("/dashboard")
    sitting.wait(10)
    sitting.request(f"{course_path(sitting.run)}/course/")
    sitting.wait(10)
    activities.enter(sitting, sequential)
    for tab, vertical in enumerate(sequential.children, start=1):
        sitting.wait(20)
        activities.move(sitting, sequential, tab)
        _work_through(sitting, vertical)
    sitting.wait(30)
    activities.leave(sitting, sequential)


def _work_through(sitting: Sitting, vertical: Block) -> None:
    for block in vertical.children:
        sitting.wait(15)
        activities.ACTIVITIES[block.type](sitting, block)


def _study_on_the_go(sitting: Sitting) -> None:
    videos = sitting.run.root.below(BlockType.VIDEO)
    for video in sitting.chance.sample(videos, k=2):
        activities.watch_on_the_go(sitting, video)
