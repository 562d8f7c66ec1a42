"""One line at a time: what each kind of dirt looks like when it is written."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ol_sandbox.courses import OFFERINGS, BlockType, build_run
from ol_sandbox.dirt import SPOILING, STANDALONE, TIME_FORMS, DirtKind
from ol_sandbox.events import Event, Form, Source, Visit
from ol_sandbox.lines import Line
from ol_sandbox.people import Account
from ol_sandbox.soiling import soiled
from ol_sandbox.tracking import encode, form_dirt, written_time

AT = datetime(2026, 3, 2, 10, 20, 30, 123456, tzinfo=UTC)
RUN = build_run(1, OFFERINGS[0])
PROBLEM = RUN.root.below(BlockType.PROBLEM)[0]
ACCOUNT = Account("mitxonline", 1, "dufoka_0001", 300001, "dufoka_0001@example.edu", "192.0.2.7", "Browser", "en")
VISIT = Visit("mitxonline", "mitxonline.example.edu", ACCOUNT, RUN, "a" * 32)
EVENT = Event(
    VISIT, AT, "problem_check", "problem_check", Source.SERVER, {"attempts": 1}, Form.OBJECT, PROBLEM, "/x/", "x_module"
)
SALTS = st.integers(0, 2**32 - 1)
TIMES = st.timedeltas(timedelta(), timedelta(days=9000)).map(lambda since: datetime(2001, 9, 10, tzinfo=UTC) + since)


def line(dirt: DirtKind | None = None, event: Event = EVENT, salt: int = 0) -> Line:
    return Line(AT, (soiled(event, dirt),), dirt, salt)


def row(dirt: DirtKind | None = None, event: Event = EVENT, salt: int = 0) -> dict[str, Any]:
    content = json.loads(encode(line(dirt, event, salt)))
    assert isinstance(content, dict)
    return content


def test_a_clean_event_has_the_whole_envelope() -> None:
    assert row() == {
        "name": "problem_check",
        "context": {
            "course_id": "course-v1:SynthX+SYN.101x+1T2026",
            "org_id": "SynthX",
            "path": "/x/",
            "user_id": 300001,
            "module": {"display_name": PROBLEM.title, "usage_key": RUN.usage_key(PROBLEM)},
            "course_user_tags": {},
        },
        "username": "dufoka_0001",
        "session": "a" * 32,
        "ip": "192.0.2.7",
        "agent": "Browser",
        "host": "mitxonline.example.edu",
        "referer": "https://mitxonline.example.edu/",
        "accept_language": "en",
        "event": {"attempts": 1},
        "event_source": "server",
        "event_type": "problem_check",
        "time": "2026-03-02T10:20:30.123456+00:00",
        "page": "x_module",
    }


@pytest.mark.parametrize(
    ("dirt", "text"),
    [
        (None, "2026-03-02T10:20:30.123456+00:00"),
        (DirtKind.TIME_BLANK_SEPARATED, "2026-03-02 10:20:30.123456"),
        (DirtKind.TIME_WITHOUT_ZONE, "2026-03-02T10:20:30.123456"),
        (DirtKind.TIME_WITH_OFFSET, "2026-03-02T19:20:30.123456+09:00"),
        (DirtKind.TIME_WHOLE_SECONDS, "2026-03-02T10:20:30Z"),
        (DirtKind.TIME_EPOCH_SECONDS, 1772446830),
        (DirtKind.TIME_EPOCH_MILLISECONDS, 1772446830123),
        (DirtKind.TIME_EPOCH_FRACTION, 1772446830.123456),
    ],
)
def test_time_forms(dirt: DirtKind | None, text: object) -> None:
    assert row(dirt)["time"] == text


@given(at=TIMES, dirt=st.sampled_from(TIME_FORMS), salt=SALTS)
def test_no_time_form_tells_another_moment_than_the_plan(at: datetime, dirt: DirtKind, salt: int) -> None:
    planned = soiled(replace(EVENT, at=at), dirt).at
    written = written_time(planned, dirt, salt)
    if isinstance(written, str):
        parsed = datetime.fromisoformat(written)
        assert parsed.replace(tzinfo=parsed.tzinfo or UTC) == planned
    else:
        seconds = written / 1000 if dirt is DirtKind.TIME_EPOCH_MILLISECONDS else written
        assert abs(datetime.fromtimestamp(seconds, UTC) - planned) < timedelta(microseconds=2)


@given(salt=SALTS)
def test_a_truncated_line_holds_no_complete_object(salt: int) -> None:
    text = encode(line(DirtKind.TRUNCATED, salt=salt))
    assert text.startswith(b"{")
    assert b"}" not in text


@given(salt=SALTS, dirt=st.sampled_from([kind for kind in SPOILING if kind is not DirtKind.TWO_OBJECTS]))
def test_spoiled_lines_stay_one_line_and_cannot_be_taken_for_an_event(salt: int, dirt: DirtKind) -> None:
    text = encode(line(dirt, salt=salt))
    assert b"\n" not in text
    match dirt:
        case DirtKind.NO_TIME:
            assert "time" not in json.loads(text)
        case DirtKind.BAD_TIME:
            with pytest.raises(ValueError, match=r"."):
                datetime.fromisoformat(json.loads(text)["time"])
        case DirtKind.INVALID_UTF8:
            with pytest.raises(UnicodeDecodeError):
                text.decode()
            assert json.loads(text.decode(errors="replace"))["username"] == "dufoka_0001"
        case _:
            with pytest.raises(json.JSONDecodeError):
                json.loads(text)


@given(salt=SALTS, dirt=st.sampled_from(STANDALONE))
def test_noise_is_one_line_of_valid_text(salt: int, dirt: DirtKind) -> None:
    text = encode(Line(AT, dirt=dirt, salt=salt)).decode()
    assert "\n" not in text
    assert "\r" not in text
    match dirt:
        case DirtKind.BLANK_LINE:
            assert not text.strip()
        case DirtKind.COMMENT:
            assert text.startswith("#")
        case DirtKind.BARE_VALUE:
            assert "{" not in text
            assert not isinstance(json.loads(text), dict)
        case DirtKind.FOREIGN_OBJECT:
            assert not {"time", "timestamp", "name", "event", "event_type", "event_source"} & json.loads(text).keys()
        case _:
            assert text.strip()
            assert "{" not in text
            with pytest.raises(json.JSONDecodeError):
                json.loads(text)


def test_two_objects_are_two_whole_events() -> None:
    text = encode(Line(AT, (EVENT, replace(EVENT, at=AT + timedelta(seconds=1))), DirtKind.TWO_OBJECTS)).decode()
    first, end = json.JSONDecoder().raw_decode(text)
    second, rest = json.JSONDecoder().raw_decode(text, end)
    assert rest == len(text)
    assert first["time"] < second["time"]


def test_backend_shape_lifts_the_envelope_into_the_context() -> None:
    content = row(DirtKind.BACKEND_SHAPE, replace(EVENT, form=Form.TEXT))
    assert list(content) == ["name", "timestamp", "context", "data"]
    assert content["data"] == {"attempts": 1}
    assert {"username", "session", "ip", "agent", "host", "event_source", "page", "course_id"} <= content[
        "context"
    ].keys()


def test_prefix_ends_before_the_first_brace() -> None:
    text = encode(line(DirtKind.PREFIXED)).decode()
    prefix, _, rest = text.partition("{")
    assert prefix == "2026-03-02 10:20:30,123 INFO 20 [tracking] [user None] [ip None] logger.py:41 - "
    assert json.loads("{" + rest) == row()


def test_a_request_is_cut_at_512_characters_and_only_then_counted_as_cut() -> None:
    short = replace(EVENT, form=Form.REQUEST_DUMP, payload={"POST": {}, "GET": {}})
    long = replace(short, payload={"POST": {"text": "x" * 600}, "GET": {}})
    assert json.loads(row(event=short)["event"]) == short.payload
    assert len(row(event=long)["event"]) == 512
    assert form_dirt(line(event=short)) is DirtKind.EVENT_AS_TEXT
    assert form_dirt(line(event=long)) is DirtKind.EVENT_CUT


def test_answers_are_url_encoded() -> None:
    answers = replace(EVENT, form=Form.URL_ENCODED, payload={"input_1_2_1": "C:\\a & b = ü"})
    assert parse_qs(row(event=answers)["event"]) == {"input_1_2_1": ["C:\\a & b = ü"]}


@given(salt=SALTS)
def test_a_blank_user_has_neither_name_nor_id_nor_machine(salt: int) -> None:
    content = row(DirtKind.BLANK_USERNAME, salt=salt)
    assert content["username"] in ("", None)
    assert content["context"]["user_id"] in ("", None)
    assert content["context"]["course_id"] == RUN.course_id
    assert content["ip"] == ""


@given(salt=SALTS)
def test_padding_strips_to_the_username(salt: int) -> None:
    username = row(DirtKind.PADDED_USERNAME, salt=salt)["username"]
    assert username != username.strip() == ACCOUNT.username


def test_a_course_in_the_path_is_not_in_the_context() -> None:
    event = replace(EVENT, path=f"/courses/{RUN.course_id}/course/")
    context = row(DirtKind.COURSE_IN_PATH, event)["context"]
    assert (context["course_id"], context["path"]) == ("", event.path)


def test_a_late_event_keeps_its_time_and_tells_when_it_was_received() -> None:
    content = row(DirtKind.LATE, replace(EVENT, source=Source.MOBILE))
    assert content["time"] == AT.isoformat()
    assert content["context"]["received_at"] == (AT + timedelta(days=1)).isoformat()
