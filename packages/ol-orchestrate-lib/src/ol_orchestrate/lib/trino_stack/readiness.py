"""When a Trino that was started answers."""

import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from ol_orchestrate.lib.errors import SourceRejected, SourceUnavailable
from ol_orchestrate.lib.trino_stack.facts import CATALOG, TRINO_USER
from ol_orchestrate.lib.trino_stack.postgres import last_words
from ol_orchestrate.lib.trino_stack.processes import RunningProcess

if TYPE_CHECKING:
    from trino.dbapi import Connection

_READY_S = 120.0
_POLL_S = 0.3
_LOG_LINES = 12


def wait_for_server(port: int, process: RunningProcess) -> str:
    """Wait until a query of the catalogue answers; returns the server's version.

    Raises:
        SourceRejected: It came up without the catalogue.
        SourceUnavailable: It ended, or did not answer within two minutes.
    """
    deadline = time.monotonic() + _READY_S
    heard = "nothing"
    while process.is_alive and time.monotonic() < deadline:
        try:
            if _has_started(port):
                return _version(port, process)
        except SourceUnavailable as error:
            heard = error.message
        time.sleep(_POLL_S)
    state = "did not answer in time" if process.is_alive else "ended by itself"
    message = f"Trino {state} (last heard: {heard}). {_end_of_log(process)}"
    raise SourceUnavailable(message, system="trino", operation="start")


def _has_started(port: int) -> bool:
    """Whether it has loaded its catalogue. It refuses queries before that, and has a node to run them on after it."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/info", timeout=5) as answer:
            return b'"starting":false' in answer.read()
    except OSError:
        return False


def _version(port: int, process: RunningProcess) -> str:
    import trino

    try:
        with trino.dbapi.connect("127.0.0.1", port=port, user=TRINO_USER, catalog=CATALOG) as connection:
            _query(connection, "select count(*) from information_schema.schemata")  # asks the catalogue's database
            return str(_query(connection, "select node_version from system.runtime.nodes")[0][0])
    except trino.exceptions.TrinoUserError as error:
        message = f"Trino started without its catalogue: {error.message}. {_end_of_log(process)}"
        raise SourceRejected(message, system="trino", operation="start") from error
    except (trino.exceptions.Error, OSError) as error:
        raise SourceUnavailable(str(error), system="trino", operation="query") from error


def _query(connection: "Connection", statement: str) -> list[list[object]]:
    cursor = connection.cursor()
    cursor.execute(statement)
    return list(cursor.fetchall())


def _end_of_log(process: RunningProcess) -> str:
    return last_words(Path(process.log), _LOG_LINES)
