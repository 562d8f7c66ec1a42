"""A loopback server in Trino's place, that speaks as much of its protocol as the client needs."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ol_orchestrate.lib.errors import SourceRejected, SourceUnavailable
from ol_orchestrate.lib.trino_stack import readiness
from ol_orchestrate.lib.trino_stack.processes import RunningProcess, start_process, stop_process
from ol_orchestrate.lib.trino_stack.readiness import wait_for_server

NO_CATALOGUE = {"errorName": "CATALOG_NOT_FOUND", "errorType": "USER_ERROR", "message": "Catalog 'x' not found"}
NO_NODES = {"errorName": "NO_NODES_AVAILABLE", "errorType": "INTERNAL_ERROR", "message": "No nodes available"}


@dataclass
class Played:
    """What is still to be told: how often "starting", then these errors, then every query has this one value."""

    starting: int = 0
    errors: list[dict[str, str]] = field(default_factory=list)
    value: str = "476"
    asked: list[str] = field(default_factory=list)

    def info(self) -> dict[str, Any]:
        self.starting -= 1
        return {"starting": self.starting >= 0}

    def statement(self, sql: str) -> dict[str, Any]:
        self.asked.append(sql)
        answer: dict[str, Any] = {"id": "1", "infoUri": "", "stats": {"state": "FINISHED"}}
        if self.errors:
            return answer | {"error": self.errors.pop(0)}
        type_of = {"rawType": "varchar", "arguments": []}
        column = {"name": "v", "type": "varchar", "typeSignature": type_of}
        return answer | {"columns": [column], "data": [[self.value]]}


@contextmanager
def serving(played: Played) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(played.info())

        def do_POST(self) -> None:
            self.reply(played.statement(self.rfile.read(int(self.headers["Content-Length"])).decode()))

        def reply(self, answer: dict[str, Any]) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer, separators=(",", ":")).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_POLL_S", 0.01)
    monkeypatch.setattr(readiness, "_READY_S", 5.0)


def started(tmp_path: Path, code: str) -> RunningProcess:
    command: Sequence[str] = [sys.executable, "-c", code]
    return start_process("trino", command, log=tmp_path / "trino.log", environ=os.environ, folder=tmp_path)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[RunningProcess]:
    running = started(tmp_path, "import time; print('the log', flush=True); time.sleep(60)")
    while "the log" not in (tmp_path / "trino.log").read_text():
        pass
    yield running
    stop_process(running)


def test_it_waits_until_the_catalogue_is_loaded_and_answers(process: RunningProcess) -> None:
    played = Played(starting=3)
    with serving(played) as port:
        assert wait_for_server(port, process) == "476"
    assert len(played.asked) == 2
    assert "information_schema" in played.asked[0]


def test_an_error_that_may_pass_is_waited_out(process: RunningProcess) -> None:
    with serving(Played(errors=[NO_NODES])) as port:
        assert wait_for_server(port, process) == "476"


def test_a_server_without_its_catalogue_is_not_waited_for(process: RunningProcess) -> None:
    with serving(Played(errors=[NO_CATALOGUE])) as port, pytest.raises(SourceRejected, match="Catalog 'x'") as failed:
        wait_for_server(port, process)
    assert "the log" in failed.value.message


def test_one_that_never_answers_is_given_up(process: RunningProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_READY_S", 0.2)
    with serving(Played(starting=10_000)) as port, pytest.raises(SourceUnavailable, match="did not answer in time"):
        wait_for_server(port, process)
    with serving(Played(errors=[NO_NODES] * 10_000)) as port, pytest.raises(SourceUnavailable, match="No nodes"):
        wait_for_server(port, process)


def test_one_that_has_ended_is_quoted(tmp_path: Path) -> None:
    ended = started(tmp_path, "print('Configuration is invalid')")
    with pytest.raises(SourceUnavailable, match=r"ended by itself[\s\S]*Configuration is invalid"):
        wait_for_server(1, ended)
