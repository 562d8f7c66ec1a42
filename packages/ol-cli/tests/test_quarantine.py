"""`olp quarantine`, as somebody types it: what it prints, what it does, and its exit codes."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ol_cli.main import main
from ol_orchestrate.lib.openedx.tracking import read_time

LINES = [
    b'{"time": "2026-03-02 10:00:00", "username": "good"}',
    b'{"time": "2026/03/02 10:00:00", "username": "slashed"}',
    b"not json",
]


@dataclass
class Typed:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def olp(monkeypatch, capsys):
    """Types a command."""

    def olp(*arguments: object) -> Typed:
        monkeypatch.setattr(sys, "argv", ["olp", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        printed = capsys.readouterr()
        return Typed(code, printed.out, printed.err)

    return olp


@pytest.fixture
def normalized(tmp_path, olp):
    """A folder of normalized logs, two of them with lines in quarantine."""
    for name, lines in {"a/x.log": LINES, "b/x.log": LINES[1:], "c/x.log": LINES[:1]}.items():
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\n".join(lines))
    assert olp("logs", "normalize", tmp_path / "raw", "--output", tmp_path / "out").code == 0
    return tmp_path / "out"


@pytest.fixture
def learn(monkeypatch):
    """Teaches the parser to read dates with slashes."""

    def learned(value):
        return read_time(value.replace("/", "-") if isinstance(value, str) else value)

    def learn():
        for module in ("tracking", "tracking_chunks"):
            monkeypatch.setattr(f"ol_orchestrate.lib.openedx.{module}.read_time", learned)

    return learn


def usernames(output: Path) -> list[str]:
    return sorted(name for part in output.rglob("*.parquet") for name in pq.read_table(part)["username"].to_pylist())


class TestList:
    def test_counts_by_source_and_reason(self, olp, normalized):
        typed = olp("quarantine", "list", normalized)

        assert typed.code == 0
        first, second, total = typed.out.splitlines()
        assert (first.split()[0], first.split("  ")[-1]) == ("2", "bad_time 1, not_json 1")
        assert str(normalized / "quarantine" / "a" / "x.log.quarantine.jsonl") in first
        assert "b/x.log" in second
        assert total.split() == ["4", "in", "all", "bad_time", "2,", "not_json", "2"]

    def test_one_folder_or_one_file_of_it(self, olp, normalized):
        folder = normalized / "quarantine" / "a"

        assert olp("quarantine", "list", folder).out.splitlines()[-1].split()[0] == "2"
        assert olp("quarantine", "list", folder / "x.log.quarantine.jsonl").out.splitlines()[-1].split()[0] == "2"

    def test_below_the_data_directory_unless_told_otherwise(self, olp, monkeypatch, tmp_path, normalized):
        monkeypatch.setenv("OL_DATA_DIR", str(tmp_path / "data"))
        assert olp("quarantine", "list").out.split() == ["0", "in", "all"]

        (tmp_path / "data").mkdir()
        (normalized / "quarantine").rename(tmp_path / "data" / "quarantine")
        assert olp("quarantine", "list").out.splitlines()[-1].split()[0] == "4"

    def test_a_damaged_file_is_an_error(self, olp, normalized):
        path = normalized / "quarantine" / "a" / "x.log.quarantine.jsonl"
        path.write_text("no row\n")

        typed = olp("quarantine", "list", normalized)

        assert typed.code == 1
        assert f"Reading quarantine file {path}: line 1 is not a quarantined row" in typed.err


class TestShow:
    def test_where_why_and_how_it_begins(self, olp, normalized):
        typed = olp("quarantine", "show", normalized)

        assert typed.code == 0
        assert "a/x.log:3 (byte 107) not_json, parser 1\n    'not json'\n" in typed.out
        assert typed.out.count(", parser") == 4

    def test_one_reason_at_most_so_many(self, olp, normalized):
        assert olp("quarantine", "show", normalized, "--reason", "bad_time").out.count("bad_time") == 2
        assert olp("quarantine", "show", normalized, "--limit", 1).out.count(", parser") == 1
        assert olp("quarantine", "show", normalized, "--limit", 1, "--reason", "not_json").out.count("not_json") == 1

    def test_no_more_is_read_than_shown(self, olp, normalized):
        (normalized / "quarantine" / "b" / "x.log.quarantine.jsonl").write_text("damaged\n")

        assert olp("quarantine", "show", normalized, "--limit", 2).code == 0

    def test_bytes_that_are_no_text_and_long_rows(self, olp, tmp_path):
        log = tmp_path / "x.log"
        log.write_bytes(b"\xff\x1b[31m" + b"y" * 400)
        olp("logs", "normalize", log, "--output", tmp_path / "out")

        typed = olp("quarantine", "show", tmp_path / "out")

        assert "\\xff" in typed.out
        assert "\x1b" not in typed.out, "a row must not speak to the terminal"
        assert typed.out.rstrip().endswith("…")
        assert "y" * 301 not in typed.out

    def test_says_so_when_there_is_none(self, olp, normalized):
        typed = olp("quarantine", "show", normalized, "--reason", "no_such")

        assert (typed.code, typed.out) == (0, "No such row in quarantine.\n")

    @pytest.mark.parametrize("limit", ["0", "-1", "many"])
    def test_a_limit_is_a_number_of_rows(self, olp, normalized, limit):
        assert olp("quarantine", "show", normalized, "--limit", limit).code == 2


class TestReplay:
    def test_what_cannot_be_read_yet_stays(self, olp, normalized):
        typed = olp("quarantine", "replay", normalized)

        assert typed.code == 0
        assert typed.out.splitlines()[-1] == "0 rows landed, 4 stay in quarantine."
        assert usernames(normalized) == ["good", "good"]

    def test_what_can_be_read_lands_once(self, olp, normalized, learn):
        learn()

        first, second = olp("quarantine", "replay", normalized), olp("quarantine", "replay", normalized)

        assert "a/x.log: 1 landed, 0 filtered, 1 kept" in first.out
        assert first.out.splitlines()[-1] == "2 rows landed, 2 stay in quarantine."
        assert second.out.splitlines()[-1] == "0 rows landed, 2 stay in quarantine."
        assert usernames(normalized) == ["good", "good", "slashed", "slashed"]
        assert olp("quarantine", "list", normalized).out.splitlines()[-1].split()[0] == "2"

    def test_one_quarantine_that_fails_does_not_stop_the_others(self, olp, tmp_path, normalized, learn):
        olp("logs", "normalize", tmp_path / "raw", "--output", tmp_path / "a-out")
        (tmp_path / "a-out" / "quarantine" / "a" / "x.log.quarantine.jsonl").write_text("damaged\n")
        learn()

        typed = olp("quarantine", "replay", tmp_path)

        assert typed.code == 1
        assert "line 1 is not a quarantined row" in typed.err
        assert typed.out.splitlines()[-1] == "2 rows landed, 2 stay in quarantine. 1 folders failed."

    def test_a_quarantine_that_says_nothing_of_itself(self, olp, normalized):
        (normalized / "quarantine" / "quarantine.json").write_text("{}")

        typed = olp("quarantine", "replay", normalized)

        assert typed.code == 1
        assert "Normalize the same logs again" in typed.err

    @pytest.mark.parametrize("below", ["a", "a/x.log.quarantine.jsonl"])
    def test_below_the_folder_that_says_where_rows_go(self, olp, normalized, below):
        typed = olp("quarantine", "replay", normalized / "quarantine" / below)

        assert typed.code == 2
        assert "or a folder above it" in typed.err

    def test_nothing_to_replay(self, olp, tmp_path):
        typed = olp("quarantine", "replay", tmp_path)

        assert (typed.code, typed.out) == (0, "0 rows landed, 0 stay in quarantine.\n")

    def test_while_the_folder_is_written(self, olp, normalized, learn):
        import fcntl

        learn()
        with (normalized / ".writer.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            typed = olp("quarantine", "replay", normalized)

        assert typed.code == 1
        assert "is doing that already" in typed.err
        assert usernames(normalized) == ["good", "good"]


class TestExpire:
    def age(self, normalized, days):
        import time

        path = normalized / "quarantine" / "a" / "x.log.quarantine.jsonl"
        then = time.time() - days * 86_400
        os.utime(path, (then, then))
        return path

    def test_the_older_ones_go_and_are_named(self, olp, normalized):
        path = self.age(normalized, 8)

        typed = olp("quarantine", "expire", normalized, "--days", 7)

        assert (typed.code, typed.out) == (0, f"removed {path}\n1 files older than 7 days removed.\n")
        assert not path.exists()
        assert olp("quarantine", "list", normalized).out.splitlines()[-1].split()[0] == "2"
        assert olp("quarantine", "replay", normalized).code == 0

    @pytest.mark.parametrize(
        ("days", "setting", "gone"), [(89, None, 0), (91, None, 1), (8, "7", 1), (6, "7", 0), (91, "", 1)]
    )
    def test_the_age_is_a_setting(self, olp, normalized, monkeypatch, days, setting, gone):
        monkeypatch.delenv("OL_QUARANTINE_RETENTION_DAYS", raising=False)
        if setting is not None:
            monkeypatch.setenv("OL_QUARANTINE_RETENTION_DAYS", setting)
        self.age(normalized, days)

        assert olp("quarantine", "expire", normalized).out.splitlines()[-1].split()[0] == str(gone)

    def test_a_setting_that_is_no_number(self, olp, normalized, monkeypatch):
        monkeypatch.setenv("OL_QUARANTINE_RETENTION_DAYS", "a week")

        typed = olp("quarantine", "expire", normalized)

        assert typed.code == 2
        assert "OL_QUARANTINE_RETENTION_DAYS is 'a week'; it must be a whole number of days" in typed.err

    def test_the_option_is_stronger_than_the_setting(self, olp, normalized, monkeypatch):
        monkeypatch.setenv("OL_QUARANTINE_RETENTION_DAYS", "1")
        self.age(normalized, 8)

        assert olp("quarantine", "expire", normalized, "--days", 30).out == "0 files older than 30 days removed.\n"


@pytest.mark.parametrize("command", ["list", "show", "replay", "expire"])
class TestEvery:
    def test_a_place_that_is_not_there(self, olp, tmp_path, command):
        typed = olp("quarantine", command, tmp_path / "nowhere")

        assert typed.code == 2
        assert f"There is no {tmp_path / 'nowhere'}" in typed.err
        assert typed.out == ""

    def test_an_unknown_environment(self, olp, monkeypatch, command):
        monkeypatch.setenv("DAGSTER_ENV", "prod")

        typed = olp("quarantine", command)

        assert typed.code == 2
        assert "DAGSTER_ENV is 'prod'" in typed.err

    def test_explains_itself(self, olp, command):
        typed = olp("quarantine", command, "--help")

        assert typed.code == 0
        assert "[PLACE]" in typed.out


def test_the_command_that_is_installed(normalized):
    olp = Path(sys.executable).with_name("olp")

    ended = subprocess.run([olp, "quarantine", "list", normalized], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout.splitlines()[-1].split()[0]) == (0, "4")
