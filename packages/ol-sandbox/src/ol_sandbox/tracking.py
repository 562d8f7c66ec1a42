"""Writes planned lines down as Open edX writes its logs: both shapes, every form of payload, time and damage."""

import json
import random
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

from ol_sandbox import words
from ol_sandbox.dirt import DirtKind
from ol_sandbox.events import Event, Form, Source
from ol_sandbox.lines import Line

CUT_AT = 512
"""Open edX cuts the text of a request at so many characters, whether or not JSON survives it."""

_FAR_EAST = timezone(timedelta(hours=9))
_BAD_TIMES = ("not a time", "2026-13-41T25:61:00.000000+00:00", "2026-02-30T10:00:00+00:00")


def encode(line: Line) -> bytes:
    """The bytes of one line, without its newline."""
    if not line.events:
        return _noise(line)
    if line.dirt is DirtKind.TWO_OBJECTS:
        return b"".join(_json(_tracking_log(event, None, line.salt)) for event in line.events)
    (event,) = line.events
    if line.dirt is DirtKind.BACKEND_SHAPE:
        return _json(_backend(event, line.salt))
    return _damaged(line, _json(_tracking_log(event, line.dirt, line.salt)))


def form_dirt(line: Line) -> DirtKind | None:
    """The dirt that is in the form of a one-event line's payload, if the line shows one."""
    if line.dirt in (DirtKind.EVENT_EMPTY, DirtKind.EVENT_MISSING, DirtKind.SPARSE):
        return None
    (event,) = line.events
    match event.form:
        case Form.TEXT:
            return DirtKind.EVENT_AS_TEXT
        case Form.URL_ENCODED:
            return DirtKind.EVENT_URL_ENCODED
        case Form.REQUEST_DUMP:
            is_cut = len(json.dumps(event.payload)) > CUT_AT
            return DirtKind.EVENT_CUT if is_cut else DirtKind.EVENT_AS_TEXT
    return None


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value).encode()


def _tracking_log(event: Event, dirt: DirtKind | None, salt: int) -> dict[str, object]:
    """Shape (a)."""
    row = {
        "name": event.name,
        "context": _context(event, dirt, salt),
        **_circumstances(event, dirt, salt),
        "event": _payload(event),
        "event_source": event.source.value,
        "event_type": event.event_type,
        "time": written_time(event.at, dirt, salt),
        "page": event.page,
    }
    match dirt:
        case DirtKind.NO_TIME:
            del row["time"]
        case DirtKind.UNKNOWN_KEY:
            row["synthetic_release"] = {"build": salt % 100, "note": "a key no schema knows"}
        case DirtKind.EVENT_EMPTY:
            row["event"] = ""
        case DirtKind.EVENT_MISSING if salt % 2:
            del row["event"]
        case DirtKind.EVENT_MISSING:
            row["event"] = None
        case DirtKind.SPARSE:
            return {key: row[key] for key in ("username", "event_source", "event_type", "time")}
    return row


def _backend(event: Event, salt: int) -> dict[str, object]:
    """Shape (b): what a router gets before the log formatter has seen it."""
    context = {
        **_context(event, None, salt),
        **_circumstances(event, None, salt),
        "event_source": event.source.value,
        "page": event.page,
    }
    return {"name": event.name, "timestamp": event.at.isoformat(), "context": context, "data": event.payload}


def _circumstances(event: Event, dirt: DirtKind | None, salt: int) -> dict[str, object]:
    """Who it was, from where, with what."""
    visit, account = event.visit, event.visit.account
    is_mobile = event.source is Source.MOBILE
    return {
        "username": _username(event, dirt, salt),
        "session": visit.session,
        "ip": "" if is_mobile or account is None else account.ip,
        "agent": account.agent if account else "",
        "host": visit.host,
        "referer": f"https://{visit.host}/",
        "accept_language": account.language if account else "",
    }


def _username(event: Event, dirt: DirtKind | None, salt: int) -> str | None:
    account = event.visit.account
    if account is None:
        return "" if salt % 2 else None
    if dirt is DirtKind.PADDED_USERNAME:
        return f"{account.username}\n" if salt % 2 else f" {account.username} "
    return account.username


def _context(event: Event, dirt: DirtKind | None, salt: int) -> dict[str, object]:
    visit, run = event.visit, event.visit.run
    context: dict[str, object] = {
        "course_id": run.course_id if run and dirt is not DirtKind.COURSE_IN_PATH else "",
        "org_id": run.offering.org if run else "",
        "path": event.path,
        "user_id": _user_id(event, dirt, salt),
    }
    if run and event.block and event.source is Source.SERVER:
        context["module"] = {"display_name": event.block.title, "usage_key": run.usage_key(event.block)}
    if event.source is Source.MOBILE:
        context["application"] = {"name": "edx.synthetic.app", "version": "1.0.0"}
        context["component"] = "videoplayer"
        context["received_at"] = event.arrived_at.isoformat()
    return context | ({"course_user_tags": {}} if visit.session else {})


def _user_id(event: Event, dirt: DirtKind | None, salt: int) -> int | str | None:
    account = event.visit.account
    if account is None:
        return "" if salt % 3 else None
    return str(account.user_id) if dirt is DirtKind.USER_ID_TEXT else account.user_id


def _payload(event: Event) -> object:
    match event.form:
        case Form.TEXT:
            return json.dumps(event.payload)
        case Form.REQUEST_DUMP:
            return json.dumps(event.payload)[:CUT_AT]
        case Form.URL_ENCODED if isinstance(event.payload, Mapping):
            return urlencode(event.payload)
    return event.payload


def written_time(at: datetime, dirt: DirtKind | None, salt: int) -> str | int | float:
    """The moment in the form that the dirt names; `at` is UTC and no finer than that form can tell."""
    match dirt:
        case DirtKind.TIME_BLANK_SEPARATED:
            return at.strftime("%Y-%m-%d %H:%M:%S.%f")
        case DirtKind.TIME_WITHOUT_ZONE:
            return at.strftime("%Y-%m-%dT%H:%M:%S.%f")
        case DirtKind.TIME_WITH_OFFSET:
            return at.astimezone(_FAR_EAST).isoformat()
        case DirtKind.TIME_WHOLE_SECONDS:
            return at.strftime("%Y-%m-%dT%H:%M:%SZ")
        case DirtKind.TIME_EPOCH_SECONDS:
            return int(at.timestamp())
        case DirtKind.TIME_EPOCH_MILLISECONDS:
            return int(at.timestamp()) * 1000 + at.microsecond // 1000
        case DirtKind.TIME_EPOCH_FRACTION:
            return at.timestamp()
        case DirtKind.BAD_TIME:
            return _BAD_TIMES[salt % len(_BAD_TIMES)]
    return at.isoformat()


def _damaged(line: Line, text: bytes) -> bytes:
    match line.dirt:
        case DirtKind.TRUNCATED:
            # Before the first brace closes there is no complete object in it, not even a small one.
            return text[: 20 + line.salt % (text.index(b"}") - 20)]
        case DirtKind.UNESCAPED_QUOTE:
            return text.replace(b'"host": "', b'"host": "the so-called "host" ', 1)
        case DirtKind.INVALID_UTF8:
            return text.replace(b'"host": "', b'"host": "\xff\xc3(', 1)
        case DirtKind.PREFIXED:
            written = line.written_at.strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
            return f"{written} INFO 20 [tracking] [user None] [ip None] logger.py:41 - ".encode() + text
    return text


def _noise(line: Line) -> bytes:
    chance = random.Random(line.salt)  # noqa: S311 - a play, not a secret
    match line.dirt:
        case DirtKind.BLANK_LINE:
            return chance.choice((b"", b"   "))
        case DirtKind.COMMENT:
            return f"# synthetic comment {line.salt}: {words.sentence(chance, 4)}".encode()
        case DirtKind.JUNK:
            return b"\x01\x02" + bytes(chance.choices(range(1, 9), k=40))
        case DirtKind.STACK_TRACE:
            return f'  File "synthetic/worker.py", line {line.salt % 500}, in {chance.choice(words.TOPICS)}'.encode()
        case DirtKind.BARE_VALUE:
            return json.dumps(chance.choice(([line.salt, "text"], line.salt, f"text {line.salt}"))).encode()
        case _:
            return _json({"level": "INFO", "logger": "synthetic.worker", "message": words.sentence(chance, 5)})
