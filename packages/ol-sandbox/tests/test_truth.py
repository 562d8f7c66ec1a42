"""The truth, counted before encoding, against a plain reader's count of what was written."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from ol_sandbox.dirt import OF_DATABASES, OF_PACKAGES, SPOILING, STANDALONE, DirtKind
from ol_sandbox.recipe import Recipe

PLATFORMS = ("mitxonline", "xpro", "edxorg")

VIDEO = {
    *("load_video", "play_video", "seek_video", "pause_video", "stop_video", "complete_video"),
    *("speed_change_video", "show_transcript", "hide_transcript"),
    *("edx.video.closed_captions.hidden", "edx.video.closed_captions.shown"),
    *("edx.video.loaded", "edx.video.played", "edx.video.paused", "edx.video.stopped"),
}
NAVIGATION = {
    "edx.ui.lms.jump_nav.selected",
    "edx.ui.lms.link_clicked",
    "edx.ui.lms.outline.selected",
    "edx.ui.lms.sequence.next_selected",
    "edx.ui.lms.sequence.previous_selected",
    "edx.ui.lms.sequence.tab_selected",
}
PROBLEM = {"problem_check", "showanswer", "edx.grades.problem.submitted"}
CODES = {
    "not_json",
    "not_object",
    "two_objects",
    "unknown_shape",
    "no_time",
    "bad_time",
    "invalid_utf8",
}


def family(line: Any) -> str:
    name, source = line.called, line.row.get("event_source")
    if name in VIDEO:
        return "video"
    if name in NAVIGATION:
        return "navigation"
    if name in PROBLEM and source == "server":
        return "problem"
    return "discussion" if name.startswith("edx.forum.") else ""


def tally(lines: list[Any], distinct: list[Any]) -> dict[str, int]:
    by_learners = sum(bool(line.username) for line in distinct)
    return {"events": len(lines), "distinct": len(distinct), "by_learners": by_learners}


def test_every_file_is_counted_line_by_line(sandbox: Any) -> None:
    for name, entry in sandbox.truth["files"].items():
        codes = Counter(line.code for line in sandbox.read(name))
        assert entry["lines"] == codes.total(), name
        assert entry["blank"] == codes["blank"], name
        assert entry["events"] == codes["accepted"], name
        assert entry["filtered"] == {key: codes[key] for key in ("comment",) if codes[key]}, name
        assert entry["quarantined"] == {key: codes[key] for key in sorted(CODES) if codes[key]}, name


def test_every_log_written_is_in_the_truth_and_lines_are_conserved(sandbox: Any) -> None:
    root = sandbox.built.output / "sources"
    logs = {path.relative_to(root).as_posix() for path in root.rglob("*log*.gz") if ".xml." not in path.name}
    assert set(sandbox.truth["files"]) == logs
    for name, entry in sandbox.truth["files"].items():
        reasons = sum(entry["quarantined"].values()) + sum(entry["filtered"].values())
        assert entry["lines"] == entry["blank"] + entry["events"] + reasons
        assert name == f"{entry['bucket']}/{entry['key']}"


def test_all_reasons_occur_on_every_platform(sandbox: Any) -> None:
    for name in PLATFORMS:
        assert set(sandbox.truth["platforms"][name]["quarantined"]) == CODES


def test_copies_are_equal_and_counted_once(sandbox: Any) -> None:
    copies = {name: entry for name, entry in sandbox.truth["files"].items() if entry["copy_of"]}
    assert len(copies) == 3
    for name, entry in copies.items():
        assert sandbox.path(name).read_bytes() == sandbox.path(entry["copy_of"]).read_bytes()
    platform = sandbox.truth["platforms"]["edxorg"]
    assert platform["files"] == 3
    assert platform["lines"] == sum(sandbox.truth["files"][name]["lines"] for name in sandbox.files("edxorg"))


@pytest.mark.parametrize("name", PLATFORMS)
class TestPlatform:
    def test_totals(self, sandbox: Any, name: str) -> None:
        truth, distinct = sandbox.truth["platforms"][name], sandbox.distinct(name)
        assert truth["events"] == len(sandbox.accepted(name))
        assert truth["distinct"] == len(distinct)
        assert truth["duplicates"] == truth["events"] - truth["distinct"] > 0
        assert truth["blank_usernames"] == sum(not line.username for line in distinct) > 0

    def test_days_are_days_of_event_time(self, sandbox: Any, name: str) -> None:
        accepted, distinct = sandbox.accepted(name), sandbox.distinct(name)
        days = {str(line.at.date()) for line in accepted}
        assert sandbox.truth["platforms"][name]["days"] == {
            day: tally(
                [line for line in accepted if str(line.at.date()) == day],
                [line for line in distinct if str(line.at.date()) == day],
            )
            for day in sorted(days)
        }

    def test_event_types_by_source(self, sandbox: Any, name: str) -> None:
        accepted = Counter((line.called, line.row["event_source"]) for line in sandbox.accepted(name))
        distinct = sandbox.distinct(name)
        once = Counter((line.called, line.row["event_source"]) for line in distinct)
        known = Counter((line.called, line.row["event_source"]) for line in distinct if line.username)
        told = {
            (called, source): tuple(counts.values())
            for called, sources in sandbox.truth["platforms"][name]["event_types"].items()
            for source, counts in sources.items()
        }
        assert told == {key: (count, once[key], known[key]) for key, count in accepted.items()}

    def test_facts(self, sandbox: Any, name: str) -> None:
        families = Counter(family(line) for line in sandbox.distinct(name) if line.username)
        families.pop("")
        assert sandbox.truth["platforms"][name]["facts"] == families
        assert min(families.values()) > 0

    def test_activity_by_course_and_day(self, sandbox: Any, name: str) -> None:
        events = [line for line in sandbox.distinct(name) if line.username and line.course_id]
        activity = sandbox.truth["platforms"][name]["activity"]
        rows = {(line.username, line.course_id, line.at.date()) for line in events}
        assert activity["rows"] == len(rows)
        assert activity["events"] == len(events)
        assert activity["learners"] == len({line.username for line in events})
        assert activity["course_days"] == [
            {
                "course_id": course_id,
                "day": day,
                "learners": len({user for user, run, on in rows if (run, str(on)) == (course_id, day)}),
                "events": sum((line.course_id, str(line.at.date())) == (course_id, day) for line in events),
            }
            for course_id, day in sorted({(run, str(on)) for _, run, on in rows})
        ]

    def test_no_two_events_are_equal_by_chance(self, clean_sandbox: Any, name: str) -> None:
        lines = clean_sandbox.accepted(name)
        assert len({line.raw for line in lines}) == len(lines)


def context(line: Any) -> dict[str, Any]:
    return line.row.get("context") or {}


def time_is(pattern: str) -> Callable[[Any], bool]:
    return lambda line: re.fullmatch(pattern, str(line.row["time"])) is not None


def text_of_event(line: Any) -> str:
    """The payload when it is a string that is not url-encoded, else nothing."""
    event = line.row.get("event")
    return event if isinstance(event, str) and not event.startswith("input_") else ""


SIGNS: dict[DirtKind, Callable[[Any], bool]] = {
    DirtKind.BLANK_USERNAME: lambda line: not line.username and line.called != "/heartbeat",
    DirtKind.PADDED_USERNAME: lambda line: line.username != (line.row["username"] or ""),
    DirtKind.USER_ID_TEXT: lambda line: (
        str(context(line).get("user_id")).isdigit() and not isinstance(context(line)["user_id"], int)
    ),
    DirtKind.COURSE_IN_PATH: lambda line: context(line).get("course_id") == "" and "/courses/" in context(line)["path"],
    DirtKind.PREFIXED: lambda line: not line.raw.startswith(b"{"),
    DirtKind.BACKEND_SHAPE: lambda line: "timestamp" in line.row,
    DirtKind.UNKNOWN_KEY: lambda line: "synthetic_release" in line.row,
    DirtKind.TIME_BLANK_SEPARATED: time_is(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"),
    DirtKind.TIME_WITHOUT_ZONE: time_is(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"),
    DirtKind.TIME_WITH_OFFSET: time_is(r".*\+09:00"),
    DirtKind.TIME_WHOLE_SECONDS: time_is(r".*\d\d:\d\d:\d\dZ"),
    DirtKind.TIME_EPOCH_SECONDS: time_is(r"\d{10}"),
    DirtKind.TIME_EPOCH_MILLISECONDS: time_is(r"\d{13}"),
    DirtKind.TIME_EPOCH_FRACTION: time_is(r"\d{10}\.\d+"),
    DirtKind.SPARSE: lambda line: len(line.row) == 4,
    DirtKind.EVENT_EMPTY: lambda line: line.row.get("event") == "",
    DirtKind.EVENT_MISSING: lambda line: line.row.get("event") is None and len(line.row) > 4,
    DirtKind.EVENT_AS_TEXT: lambda line: text_of_event(line) != "" and not isinstance(line.payload, str),
    DirtKind.EVENT_URL_ENCODED: lambda line: str(line.row.get("event")).startswith("input_"),
    DirtKind.EVENT_CUT: lambda line: len(text_of_event(line)) == 512 and isinstance(line.payload, str),
}
"""How an accepted line shows each kind of dirt, seen from its text alone."""

OTHERWISE_COUNTED = {
    *OF_DATABASES,
    *OF_PACKAGES,
    *STANDALONE,
    *SPOILING,
    *(DirtKind.DUPLICATE, DirtKind.LATE, DirtKind.NO_FINAL_NEWLINE, DirtKind.GZIP_MEMBERS),
    *(DirtKind.EMPTY_FILE, DirtKind.BROKEN_MEMBER),
}


def test_every_kind_is_recounted_somewhere() -> None:
    assert SIGNS.keys() | OTHERWISE_COUNTED == set(DirtKind)


@pytest.mark.parametrize("kind", SIGNS)
def test_dirt_that_an_accepted_line_shows(sandbox: Any, kind: DirtKind) -> None:
    entry = sandbox.truth["dirt"][kind.value]
    seen = {name: sum(map(SIGNS[kind], sandbox.accepted(name))) for name in PLATFORMS}
    assert entry["by_platform"] == seen
    assert entry["count"] == sum(seen.values()) > 0
    assert (entry["verdict"], entry["reason"]) == ("accepted", "")


def test_dirt_that_is_refused_adds_up_to_the_reasons(sandbox: Any) -> None:
    entries = [sandbox.truth["dirt"][kind.value] for kind in (*STANDALONE, *SPOILING)]
    for name in PLATFORMS:
        reasons = Counter[str]()
        for entry in entries:
            reasons[entry["reason"]] += entry["by_platform"][name]
        platform = sandbox.truth["platforms"][name]
        assert reasons == {"": platform["blank"], **platform["filtered"], **platform["quarantined"]}


def test_late_events_are_older_than_their_file(sandbox: Any) -> None:
    for platform in sandbox.registry.platforms:
        late = 0
        for name in sandbox.files(platform.name):
            start, end = platform.log_window(date.fromisoformat(sandbox.truth["files"][name]["day"]))
            accepted = [line for line in sandbox.read(name) if line.code == "accepted"]
            late += sum(line.at < start and arrived_later(line) for line in accepted)
            assert all(line.at < end for line in accepted)
        assert late == sandbox.truth["platforms"][platform.name]["late"] > 0
        assert late == sandbox.truth["dirt"]["late"]["by_platform"][platform.name]


def arrived_later(line: Any) -> bool:
    received_at = line.row.get("context", {}).get("received_at")
    return received_at is not None and datetime.fromisoformat(received_at) > line.at


def test_file_dirt(sandbox: Any) -> None:
    dirt = sandbox.truth["dirt"]
    logs = [sandbox.path(name) for name, entry in sandbox.truth["files"].items() if not entry["copy_of"]]
    assert dirt["empty_file"]["count"] == sum(path.stat().st_size == 0 for path in logs) == 2
    assert dirt["gzip_members"]["count"] == 3
    assert dirt["no_final_newline"]["count"] == 3


def test_the_truth_says_what_it_was_made_from(make_sandbox: Callable[[Recipe], Any]) -> None:
    recipe = Recipe(3, days=1, dirt=frozenset({DirtKind.COMMENT}), environment="ci")
    truth = make_sandbox(recipe).truth
    assert truth["recipe"] == {"seed": 3, "size": "tiny", "days": 1, "environment": "ci", "dirt": ["comment"]}
    assert {entry["bucket"] for entry in truth["files"].values()} == {
        "mitxonline-ci-edxapp-tracking",
        "xpro-ci-edxapp-tracking",
        "simeon-mitx-pipeline-main",
        "ol-data-lake-landing-zone-ci",
    }
