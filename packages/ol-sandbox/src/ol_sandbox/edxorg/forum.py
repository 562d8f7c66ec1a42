"""The forum of each run: what the events tell of it, and the dump a package has of it."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from ol_sandbox.databases.writing import written
from ol_sandbox.events import Event

_CREATION = (
    "CREATE TABLE forum (id TEXT PRIMARY KEY, course_id TEXT, thread_id TEXT, commentable_id TEXT, title TEXT, "
    "body TEXT, author_id TEXT, author_username TEXT, created_at TEXT, updated_at TEXT, votes INTEGER DEFAULT 0)"
)
_INSERT = (
    "INSERT INTO forum (id, course_id, thread_id, commentable_id, title, body, author_id, author_username, created_at, "
    "updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Forum:
    """Keeps the posts of all runs in a database; a thread that was seen but never written is older than the logs."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute(_CREATION)

    def observe(self, events: Iterable[Event]) -> None:
        """Take note of what was read, written and voted for."""
        for event in events:
            if event.name.startswith("edx.forum.") and isinstance(event.payload, dict):
                self._observe(event, event.payload)

    def _observe(self, event: Event, payload: dict[str, Any]) -> None:
        match event.name:
            case "edx.forum.thread.viewed":
                self._thread(event, payload["id"], payload, "A thread that is older than the logs", "Synthetic text.")
            case "edx.forum.thread.created":
                # Viewed first, by its author: the page of a thread opens once it is posted.
                self._connection.execute("DELETE FROM forum WHERE id = ?", (payload["id"],))
                self._thread(event, payload["id"], payload, payload["title"], payload["body"])
            case "edx.forum.response.created":
                self._insert(event, payload["id"], payload["discussion"]["id"], payload, None, payload["body"])
            case "edx.forum.thread.voted":
                self._connection.execute("UPDATE forum SET votes = votes + 1 WHERE id = ?", (payload["id"],))

    def _thread(self, event: Event, post: str, payload: dict[str, Any], title: str, body: str) -> None:
        self._insert(event, post, None, payload, title, body)

    def _insert(
        self, event: Event, post: str, thread: str | None, payload: dict[str, Any], title: str | None, body: str
    ) -> None:
        account, run, at = event.visit.account, event.visit.run, written(event.at)
        assert account is not None and run is not None  # noqa: S101, PT018 - nobody posts outside a course
        author = (str(account.user_id), account.username)
        self._connection.execute(
            _INSERT, (post, run.course_id, thread, payload["commentable_id"], title, body, *author, at, at)
        )

    def documents(self, course_id: str) -> Iterator[bytes]:
        """One line of extended JSON for each post of a run, threads before the responses to them."""
        cursor = self._connection.execute(
            "SELECT * FROM forum WHERE course_id = ? ORDER BY thread_id IS NOT NULL, rowid", (course_id,)
        )
        names = [column[0] for column in cursor.description]
        for values in cursor:
            yield json.dumps(_document(dict(zip(names, values, strict=True))), ensure_ascii=False).encode() + b"\n"


def _document(post: dict[str, Any]) -> dict[str, object]:
    """A post in the old and the new form of dates, as dumps of different years have them."""
    shared: dict[str, object] = {
        "_id": {"$oid": post["id"]},
        "abuse_flaggers": [],
        "historical_abuse_flaggers": [],
        "anonymous": False,
        "anonymous_to_peers": False,
        "at_position_list": [],
        "author_id": post["author_id"],
        "author_username": post["author_username"],
        "body": post["body"],
        "commentable_id": post["commentable_id"],
        "course_id": post["course_id"],
        "created_at": {"$date": f"{post['created_at'][:10]}T{post['created_at'][11:23]}Z"},
        "updated_at": {"$date": _milliseconds(post["updated_at"])},
        "visible": True,
        "votes": {"up": [], "down": [], "up_count": post["votes"], "down_count": 0, "count": post["votes"]},
    }
    if post["thread_id"] is None:
        thread = {"_type": "CommentThread", "title": post["title"], "thread_type": "discussion", "closed": False}
        return {**shared, **thread, "context": "course", "last_activity_at": shared["updated_at"], "tags_array": []}
    comment = {"_type": "Comment", "comment_thread_id": {"$oid": post["thread_id"]}, "parent_ids": []}
    return {**shared, **comment, "endorsed": False, "sk": post["id"]}


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)
