"""One tiny sandbox for all tests, and a reader of logs that knows the rules but none of the sandbox's code."""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ol_sandbox.build import Built, build
from ol_sandbox.recipe import Recipe
from ol_sandbox.registry import Registry

SEED = 7


@dataclass(frozen=True)
class Read:
    """One line of a log as a plain reader takes it: a code, and the event when the code is `accepted`."""

    raw: bytes
    code: str
    row: dict[str, Any]

    @property
    def at(self) -> datetime:
        return moment(self.row["time"])

    @property
    def username(self) -> str:
        return (self.row.get("username") or "").strip()

    @property
    def called(self) -> str:
        return str(self.row.get("name") or self.row["event_type"])

    @property
    def payload(self) -> Any:
        event = self.row.get("event")
        if isinstance(event, str) and event[:1] in "{[":
            try:
                return json.loads(event)
            except ValueError:
                return event
        return event

    @property
    def course_id(self) -> str:
        context = self.row.get("context") or {}
        in_path = re.match(r"/courses/(course-v1:[^/]+|[^/]+/[^/]+/[^/]+)/", context.get("path") or "")
        return context.get("course_id") or (in_path[1] if in_path else "")


def moment(value: Any) -> datetime:
    """A time in any of the forms that occur, as UTC."""
    if isinstance(value, str):
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)


def read_line(raw: bytes) -> Read:
    if not raw.strip():
        return Read(raw, "blank", {})
    if raw.lstrip().startswith(b"#"):
        return Read(raw, "comment", {})
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Read(raw, "invalid_utf8", {})
    try:
        value = json.loads(text)
    except ValueError:
        return _behind_prefix(raw, text)
    return _event(raw, value) if isinstance(value, dict) else Read(raw, "not_object", {})


def _behind_prefix(raw: bytes, text: str) -> Read:
    start = text.find("{")
    if start < 0:
        return Read(raw, "not_json", {})
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
    except ValueError:
        return Read(raw, "not_json", {})
    return Read(raw, "two_objects", {}) if text[end:].strip() else _event(raw, value)


def _event(raw: bytes, value: dict[str, Any]) -> Read:
    if "timestamp" in value and "data" in value:
        lifted = {key: item for key, item in value["context"].items() if key not in ("course_id", "user_id", "path")}
        value = {**lifted, **value, "time": value["timestamp"], "event": value["data"]}
    if "time" not in value:
        return Read(raw, "no_time" if "event_type" in value else "unknown_shape", {})
    try:
        moment(value["time"])
    except ValueError:
        return Read(raw, "bad_time", {})
    return Read(raw, "accepted", value)


def read_lines(path: Path) -> list[bytes]:
    """The lines of a gzipped log, the last one also when it has no newline."""
    content = _uncompressed(path)
    return content.removesuffix(b"\n").split(b"\n") if content else []


@dataclass(frozen=True)
class Sandbox:
    """A build, with what it was made from."""

    built: Built
    registry: Registry

    @property
    def truth(self) -> dict[str, Any]:
        return self.built.truth

    def path(self, name: str) -> Path:
        return self.built.output / "sources" / name

    def read(self, name: str) -> list[Read]:
        return [read_line(raw) for raw in read_lines(self.path(name))]

    def files(self, platform: str) -> Iterator[str]:
        """The platform's log files without the copies."""
        return (
            name
            for name, entry in self.truth["files"].items()
            if entry["platform"] == platform and not entry["copy_of"]
        )

    def accepted(self, platform: str) -> list[Read]:
        """Every accepted line, duplicates included."""
        return [line for name in self.files(platform) for line in self.read(name) if line.code == "accepted"]

    def distinct(self, platform: str) -> list[Read]:
        """Every accepted line once."""
        return list({line.raw: line for line in self.accepted(platform)}.values())


@pytest.fixture(scope="session")
def make_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Recipe], Sandbox]:
    """Builds a sandbox into a directory of its own."""

    def make(recipe: Recipe) -> Sandbox:
        return Sandbox(build(recipe, tmp_path_factory.mktemp("sandbox")), Registry.build(recipe))

    return make


@pytest.fixture(scope="session")
def sandbox(make_sandbox: Callable[[Recipe], Sandbox]) -> Sandbox:
    """The tiny sandbox, with all its dirt."""
    return make_sandbox(Recipe(SEED))


@pytest.fixture(scope="session")
def clean_sandbox(make_sandbox: Callable[[Recipe], Sandbox]) -> Sandbox:
    """The same institution without any dirt."""
    return make_sandbox(Recipe(SEED, dirt=frozenset()))


@pytest.fixture(scope="session")
def content_of() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a directory, uncompressed, by its path; the builder's own notes left out."""

    def read(root: Path) -> dict[str, bytes]:
        return {
            path.relative_to(root).as_posix(): _uncompressed(path)
            for path in sorted(root.rglob("*"))
            if path.is_file() and ".sandbox" not in path.parts
        }

    return read


def _uncompressed(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" and content else content
