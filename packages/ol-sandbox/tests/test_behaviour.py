"""What happens makes sense, as planned and as it can be read from the logs."""

from collections import defaultdict
from typing import Any

import pytest

from ol_sandbox.behaviour import events_of
from ol_sandbox.events import Event, Source

PLATFORMS = ("mitxonline", "xpro", "edxorg")


def planned(sandbox: Any) -> list[Event]:
    registry = sandbox.registry
    return [
        event
        for platform in registry.platforms
        for day in registry.recipe.log_days
        for event in events_of(registry, platform, day)
    ]


def test_browser_sittings_end_by_leaving_and_are_short(clean_sandbox: Any) -> None:
    sittings = defaultdict(list)
    for event in planned(clean_sandbox):
        if event.visit.session:
            sittings[event.visit.session].append(event)
    assert len(sittings) > 100
    for events in sittings.values():
        assert [event.name for event in events if event.name == "page_close"] == ["page_close"]
        assert events[-1].name == "page_close"
        assert (events[-1].at - events[0].at).total_seconds() < 2 * 3600
        assert len({event.visit for event in events if event.visit.run}) == 1


def test_time_moves_by_a_second_at_least_within_a_sitting(clean_sandbox: Any) -> None:
    last: dict[str, Event] = {}
    for event in planned(clean_sandbox):
        session = event.visit.session
        if before := last.get(session) if session else None:
            assert event.at > before.at
        last[session] = event


def test_nobody_does_anything_in_a_course_before_enrolling(clean_sandbox: Any) -> None:
    since = {
        (enrolment.account, enrolment.run.course_id): enrolment.at
        for enrolments in clean_sandbox.registry.enrolments.values()
        for enrolment in enrolments
    }
    for event in planned(clean_sandbox):
        if event.visit.run and event.visit.account:
            assert event.at >= since[event.visit.account, event.visit.run.course_id]


def test_new_learners_are_told_of_in_the_logs(clean_sandbox: Any) -> None:
    enrolments = [event for event in planned(clean_sandbox) if event.name == "edx.course.enrollment.activated"]
    assert len({event.visit.platform for event in enrolments}) == len(PLATFORMS)


def test_sittings_run_over_the_end_of_a_log_day_but_not_of_the_last(clean_sandbox: Any) -> None:
    registry = clean_sandbox.registry
    over = 0
    for platform in registry.platforms:
        for day in registry.recipe.log_days:
            _, end = platform.log_window(day)
            late = sum(event.at >= end for event in events_of(registry, platform, day))
            assert day != registry.recipe.log_days[-1] or late == 0
            over += late
    assert over > 0


@pytest.mark.parametrize("name", PLATFORMS)
class TestReadBack:
    """The same from what a reader may accept, with all the dirt there is."""

    def test_a_play_has_a_load_before_it(self, sandbox: Any, name: str) -> None:
        loaded: dict[tuple[str, str], Any] = {}
        plays = 0
        for line in sorted(sandbox.distinct(name), key=lambda line: line.at):
            match line.row.get("event_type") or line.called:
                case "load_video":
                    loaded.setdefault((line.username, line.payload["id"]), line.at)
                case "play_video" if line.username:
                    plays += 1
                    assert loaded[line.username, line.payload["id"]] <= line.at
        assert plays > 20

    def test_a_grade_has_an_enrolment_before_it(self, sandbox: Any, name: str) -> None:
        enrolled = {
            (enrolment.account.username, enrolment.run.course_id): enrolment.at
            for enrolment in sandbox.registry.enrolments[name]
        }
        grades = [line for line in sandbox.distinct(name) if line.called == "edx.grades.problem.submitted"]
        for line in grades:
            assert not line.username or enrolled[line.username, line.payload["course_id"]] <= line.at
        assert len(grades) > 5

    def test_every_course_and_every_block_exists(self, sandbox: Any, name: str) -> None:
        blocks = {run.course_id: {block.url_name for block in run.root.walk()} for run in sandbox.registry.runs[name]}
        keys = {
            run.course_id: {run.usage_key(block) for block in run.root.walk()} for run in sandbox.registry.runs[name]
        }
        lines = [line for line in sandbox.distinct(name) if line.course_id]
        for line in lines:
            payload = line.payload if isinstance(line.payload, dict) else {}
            module = line.row["context"].get("module", {}).get("usage_key")
            for key in (payload.get("problem_id"), payload.get("block_id"), module):
                assert key is None or key in keys[line.course_id]
            if "code" in payload:
                assert payload["id"] in blocks[line.course_id]
            if "target_tab" in payload:
                assert payload["id"] in keys[line.course_id]
            if "commentable_id" in payload:
                assert payload["commentable_id"] in blocks[line.course_id]
        assert {line.course_id for line in lines} == set(blocks)

    def test_every_user_is_an_account_of_the_platform(self, sandbox: Any, name: str) -> None:
        accounts = {account.username: account.user_id for account in sandbox.registry.accounts[name]}
        for line in sandbox.distinct(name):
            if line.username and "context" in line.row:
                assert int(line.row["context"]["user_id"]) == accounts[line.username]


def test_mobile_events_have_both_names(clean_sandbox: Any) -> None:
    mobile = [event for event in planned(clean_sandbox) if event.source is Source.MOBILE]
    assert {(event.name, event.event_type) for event in mobile} == {
        ("edx.video.loaded", "load_video"),
        ("edx.video.played", "play_video"),
        ("edx.video.paused", "pause_video"),
        ("edx.video.stopped", "stop_video"),
    }
