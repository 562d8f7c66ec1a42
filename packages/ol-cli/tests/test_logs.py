"""`olp logs normalize`, as somebody types it."""

import base64
import gzip
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from ol_orchestrate.lib.locks import LOCK_NAME, single_writer

KEYS = ["files", "lines", "blank", "accepted", "quarantined", "filtered", "reasons", "bytes_in", "seconds"]
LOG = (
    b'{"time":"2014-05-15T13:00:21.764674+00:00","username":"ana","event":"{\\"id\\": 1}","context":{"user_id":3}}\n'
    b'{"time":"2014-05-15T13:00:22Z","username":"ben","event":{}}\n'
    b"# comment\n\n"
    b"\xffbad\x00bytes\r\n"
    b'{"name":"n"}\n'
)
COUNTS = {
    "files": 1,
    "lines": 6,
    "blank": 1,
    "accepted": 2,
    "quarantined": 2,
    "filtered": {"comment": 1},
    "reasons": {"invalid_utf8": 1, "unknown_shape": 1},
    "bytes_in": len(LOG),
}


def olp(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as its users do."""
    command = [sys.executable, "-c", "from ol_cli.main import main; main()", "logs", "normalize", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def report(*arguments: object, code: int = 0) -> dict[str, Any]:
    done = olp(*arguments, "--json", code=code)
    assert done.stdout.count("\n") == 1, "one object and nothing else"
    found = json.loads(done.stdout)
    assert list(found) == KEYS
    assert isinstance(found["seconds"], float)
    assert found["lines"] == (
        found["blank"] + found["accepted"] + found["quarantined"] + sum(found["filtered"].values())
    )
    assert sum(found["reasons"].values()) == found["quarantined"]
    return found


def without_seconds(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "seconds"}


def written(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != LOCK_NAME
    }


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "tracking.log"
    path.write_bytes(LOG)
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_the_report_is_one_object_with_exactly_these_keys(log: Path, output: Path) -> None:
    assert without_seconds(report(log, "--output", output)) == COUNTS


def test_every_sample_is_accounted_for(sample_data: Path, output: Path) -> None:
    first = report(sample_data / "tracking", "--output", output)
    assert without_seconds(first) == {
        "files": 18,
        "lines": 353,
        "blank": 5,
        "accepted": 322,
        "quarantined": 8,
        "filtered": {"comment": 18},
        "reasons": {"not_json": 2, "unknown_shape": 6},
        "bytes_in": sum(path.stat().st_size for path in (sample_data / "tracking").rglob("*.log*")),
    }
    parts = list(output.rglob("*.parquet"))
    assert sum(pq.read_metadata(path).num_rows for path in parts) == 322
    assert {path.relative_to(output).parts[0] for path in parts} == {
        *("edx-analytics-pipeline", "edx-daily-events", "event-routing-backends")
    }
    lines = [line for path in output.rglob("*.quarantine.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == 8


def test_a_second_run_writes_nothing_and_says_the_same(log: Path, output: Path) -> None:
    first = report(log, "--output", output)
    before = written(output)
    assert without_seconds(report(log, "--output", output)) == without_seconds(first)
    assert written(output) == before


def test_for_people_the_summary_is_short(log: Path, output: Path) -> None:
    done = olp(log, "--output", output)
    assert "1 files (0 unchanged), 6 lines: 2 accepted, 2 quarantined" in done.stdout
    assert str(output) in done.stdout
    assert done.stderr == ""
    assert "1 files (1 unchanged)" in olp(log, "--output", output).stdout


def test_quarantine_holds_the_exact_bytes_and_is_for_its_owner(log: Path, output: Path) -> None:
    report(log, "--output", output)
    path = output / "quarantine" / "tracking.log.quarantine.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first, second = map(json.loads, path.read_text().splitlines())
    assert base64.b64decode(first["bytes"]) == b"\xffbad\x00bytes\r"
    assert {name: value for name, value in first.items() if name != "bytes"} == {
        "source": "tracking.log",
        "line_number": 5,
        "byte_offset": LOG.index(b"\xff"),
        "reason": "invalid_utf8",
        "parser_version": "1",
        "length_bytes": 11,
    }
    assert (second["reason"], second["line_number"]) == ("unknown_shape", 6)
    assert base64.b64decode(second["bytes"]) == b'{"name":"n"}'


def test_quarantine_goes_where_it_is_told(log: Path, output: Path, tmp_path: Path) -> None:
    report(log, "--output", output, "--quarantine", tmp_path / "bad")
    assert (tmp_path / "bad" / "tracking.log.quarantine.jsonl").is_file()
    assert not (output / "quarantine").exists()


def test_parquet_is_the_default(log: Path, output: Path) -> None:
    report(log, "--output", output)
    (part,) = output.rglob("*.parquet")
    assert re.fullmatch(r"tracking\.log\.[0-9a-f]{12}\.0\.parquet", part.name)
    assert pq.read_table(part).column("event").to_pylist() == ['{"id": 1}', "{}"]


def test_json_lines(log: Path, output: Path) -> None:
    report(log, "--output", output, "--format", "jsonl.gz")
    (part,) = output.rglob("*.jsonl.gz")
    records = [json.loads(line) for line in gzip.decompress(part.read_bytes()).splitlines()]
    assert [record["time"] for record in records] == ["2014-05-15 13:00:21.764674", "2014-05-15 13:00:22.000000"]
    assert [record["event"] for record in records] == ['{"id": 1}', "{}"]
    assert [record["context"] for record in records] == ['{"user_id":3}', None]
    found = duckdb.sql(
        f"select username, time::timestamp::varchar, event->>'id', context->>'user_id' from read_json('{part}')"
    )
    assert found.fetchall() == [
        ("ana", "2014-05-15 13:00:21.764674", "1", "3"),
        ("ben", "2014-05-15 13:00:22", None, None),
    ]


def test_another_format_replaces_the_first(log: Path, output: Path) -> None:
    report(log, "--output", output)
    report(log, "--output", output, "--format", "jsonl.gz")
    assert not list(output.rglob("*.parquet"))
    assert len(list(output.rglob("*.jsonl.gz"))) == 1


def test_outputs_mirror_the_paths_of_the_inputs(tmp_path: Path, output: Path) -> None:
    for host in ("a", "b/c"):
        path = tmp_path / "in" / host / "tracking.log-20140515.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress(LOG))
    (tmp_path / "in" / "pretty.json").write_text("{}")
    assert report(tmp_path / "in", "--output", output)["files"] == 2
    assert sorted(path.parent.relative_to(output).as_posix() for path in output.rglob("*.parquet")) == ["a", "b/c"]
    assert sorted(path.relative_to(output).as_posix() for path in output.rglob("*.quarantine.jsonl")) == [
        "quarantine/a/tracking.log-20140515.quarantine.jsonl",
        "quarantine/b/c/tracking.log-20140515.quarantine.jsonl",
    ]


def test_the_output_may_lie_among_the_inputs(log: Path) -> None:
    for _ in range(2):
        found = report(log.parent, "--output", log.parent / "out")
        assert without_seconds(found) == COUNTS


def test_an_output_below_a_path_that_is_relative(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(log.parent)
    report("tracking.log", "--output", "out/deep")
    assert list((log.parent / "out" / "deep").glob("*.parquet"))


# Failures.


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["{log}"],
        ["--output", "{out}"],
        ["{log}", "--output", "{log}"],
        ["{log}.missing", "--output", "{out}"],
        ["{log}", "--output", "{out}", "--format", "csv"],
        ["{log}", "--output", "{out}", "--workers", "0"],
        ["{log}", "--output", "{out}", "--nonsense"],
    ],
)
def test_usage_errors(log: Path, output: Path, arguments: list[str]) -> None:
    done = olp(*(argument.format(log=log, out=output) for argument in arguments), "--json", code=2)
    assert done.stdout == ""
    assert "Usage: " in done.stderr
    assert not output.exists()


def test_two_inputs_with_one_output(log: Path, output: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "tracking.log.gz"
    other.parent.mkdir()
    other.write_bytes(b"")
    done = olp(log, other, "--output", output, "--json", code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("olp: Two inputs would both be written to tracking.log: ")
    assert not output.exists()


def test_a_folder_without_logs(tmp_path: Path, output: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = olp(tmp_path / "empty", "--output", output, code=2)
    assert f"No `*.log*` file below {tmp_path / 'empty'}" in done.stderr
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)


def test_a_truncated_file_is_kept_as_far_as_it_goes_and_fails(log: Path, output: Path) -> None:
    log.write_bytes(gzip.compress(LOG)[:-5])
    for _ in range(2):
        done = olp(log, "--output", output, "--json", code=1)
        assert json.loads(done.stdout)["accepted"] == 2
        assert "olp: Reading tracking.log: the gzip data are damaged" in done.stderr


def test_an_input_that_cannot_be_read_does_not_keep_the_others_waiting(log: Path, output: Path) -> None:
    unreadable = log.with_name("a.log")
    unreadable.symlink_to("/proc/self/mem")  # reading its beginning is an input/output error for everybody
    done = olp(unreadable, log, "--output", output, "--json", code=1)
    assert without_seconds(json.loads(done.stdout)) == COUNTS
    assert done.stderr.startswith("olp: Reading a.log: [Errno 5] ")
    assert done.stderr.endswith("Nothing of it was written.\n")


def test_two_runs_at_once(log: Path, output: Path) -> None:
    with single_writer(output):
        done = olp(log, "--output", output, "--json", code=1)
    assert done.stdout == ""
    assert f"process {os.getpid()} is doing that already" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_log_that_is_there_plain_and_compressed_is_two_logs(log: Path, output: Path) -> None:
    log.with_name(f"{log.name}.gz").write_bytes(gzip.compress(LOG))
    found = report(log.parent, "--output", output)
    assert (found["files"], found["accepted"]) == (2, 4)
    assert len(list(output.glob("*.parquet"))) == 2


def test_a_full_disk_ends_the_run_and_says_so_in_the_report_too(log: Path, tmp_path: Path) -> None:
    code = (
        "import ol_orchestrate.lib.openedx.tracking_landing as t; from ol_orchestrate.lib.errors import StorageFull\n"
    )
    code += "def full(*_, **__): raise StorageFull('No room left', path='x')\nt.LogDirectory._land = full\n"
    code += "from ol_cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "logs", "normalize", str(log), "--output", str(tmp_path / "o2"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["files"] == 0
    assert done.stderr == "olp: No room left\n"


def test_a_folder_of_an_older_version(log: Path, output: Path) -> None:
    output.mkdir()
    (output / "manifest.json").write_text('{"notes": {"files": {"a": 1}}, "objects": []}')
    done = olp(log, "--output", output, code=1)
    assert done.stderr.startswith("olp: The manifest keeps what became of each log in a form")
    (output / "manifest.json").write_text("{")
    assert "cannot be read" in olp(log, "--output", output, code=1).stderr


def test_a_run_killed_in_the_middle_is_finished_by_the_next(tmp_path: Path, output: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02}.log").write_bytes(LOG * 2000)
    command = [sys.executable, "-c", "from ol_cli.main import main; main()"]
    command += ["logs", "normalize", str(folder), "--output", str(output)]
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + 30
        while not list(output.glob("1*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert 0 < len(list(output.glob("*.parquet"))) < 40
    found = report(folder, "--output", output)
    assert (found["files"], found["lines"], found["accepted"]) == (40, 40 * 12_000, 40 * 4_000)
    assert sum(pq.read_metadata(path).num_rows for path in output.glob("*.parquet")) == 40 * 4_000


def test_workers_are_used_for_large_files_and_change_nothing_but_the_parts(tmp_path: Path, output: Path) -> None:
    log = tmp_path / "large.log"
    log.write_bytes(LOG.replace(b'"ana"', b'"%s"' % (b"a" * 1500)) * 3_000)
    found = {workers: report(log, "--output", output / str(workers), "--workers", workers) for workers in (1, 2)}
    assert without_seconds(found[1]) == without_seconds(found[2])
    rows = {
        workers: sorted(
            number
            for path in (output / str(workers)).glob("*.parquet")
            for number in pq.read_table(path, columns=["line_number"]).column(0).to_pylist()
        )
        for workers in (1, 2)
    }
    assert rows[1] == rows[2]
    assert len(rows[1]) == 6_000
    assert [len(list((output / str(workers)).glob("*.parquet"))) for workers in (1, 2)] == [1, 2]
