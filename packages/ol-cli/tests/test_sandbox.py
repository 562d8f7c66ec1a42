"""`olp sandbox build`, as somebody types it."""

import fcntl
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ol_cli import sandbox
from ol_cli.main import cli
from ol_sandbox.dirt import DirtKind
from ol_sandbox.faults.kinds import FaultKind


def run(*arguments: object, **environ: str) -> Result:
    return CliRunner(env=environ).invoke(cli, ["sandbox", *map(str, arguments)])


def test_it_is_a_group_of_olp() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "build" in result.stdout


def test_json_is_one_object_and_equals_the_truth(tmp_path: Path) -> None:
    result = run("build", "--size", "tiny", "--seed", 3, "--days", 1, "--output", tmp_path, "--json")
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    truth = json.loads((tmp_path / "truth.json").read_bytes())
    assert (summary["seed"], summary["size"], summary["days"]) == (3, "tiny", 1)
    assert summary["output"] == str(tmp_path)
    assert summary["courses"] == len(truth["courses"]) == 2
    written = [path for path in tmp_path.rglob("*") if path.is_file() and ".sandbox" not in path.parts]
    assert summary["changed"] == len(written)
    for name, counts in summary["platforms"].items():
        platform = truth["platforms"][name]
        assert counts["lines"] == platform["lines"]
        assert counts["quarantined"] == sum(platform["quarantined"].values())
        assert counts["lines"] == sum(counts[key] for key in ("events", "quarantined", "filtered", "blank"))


def test_the_table_shows_each_platform_and_where_the_truth_is(tmp_path: Path) -> None:
    result = run("build", "--days", 1, "--output", tmp_path)
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[1:4]] == ["mitxonline", "xpro", "edxorg"]
    assert str(tmp_path / "truth.json") in result.stdout


def test_three_days_unless_told_otherwise(tmp_path: Path) -> None:
    assert json.loads(run("build", "--output", tmp_path, "--json").stdout)["days"] == 3


def test_the_default_output_is_the_data_directory(tmp_path: Path) -> None:
    result = run("build", "--days", 1, OL_DATA_DIR=str(tmp_path / "data"))
    assert result.exit_code == 0
    assert (tmp_path / "data" / "sources" / "xpro-qa-edxapp-tracking" / "logs").is_dir()
    assert (tmp_path / "data" / "truth.json").is_file()


def test_buckets_are_those_of_the_environment(tmp_path: Path) -> None:
    result = run("build", "--days", 1, "--output", tmp_path, DAGSTER_ENV="ci")
    assert result.exit_code == 0
    assert (tmp_path / "sources" / "xpro-ci-edxapp-tracking").is_dir()


@pytest.mark.parametrize(("without", "left"), [(["--without", "all"], 0), (["--without", "junk"], len(DirtKind) - 1)])
def test_dirt_can_be_left_out(tmp_path: Path, without: list[str], left: int) -> None:
    summary = json.loads(run("build", "--days", 1, "--output", tmp_path, "--json", *without).stdout)
    assert "junk" not in summary["dirt"]
    assert len(summary["dirt"]) == left


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--size", "huge"], "tiny"),
        (["--days", "0"], "--days"),
        (["--seed", "x"], "--seed"),
        (["--without", "bogus"], "two_objects"),
    ],
)
def test_wrong_usage_is_two_and_says_what_is_right(tmp_path: Path, arguments: list[str], told: str) -> None:
    result = run("build", "--output", tmp_path, *arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_environment_is_two(tmp_path: Path) -> None:
    result = run("build", "--output", tmp_path, DAGSTER_ENV="laptop")
    assert result.exit_code == 2
    assert "laptop" in result.stderr


def test_an_output_that_cannot_be_written_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run("build", "--output", tmp_path / "file" / "below")
    assert result.exit_code == 1
    assert str(tmp_path / "file") in result.stderr


def test_a_second_build_beside_the_first_is_one(tmp_path: Path) -> None:
    run("build", "--days", 1, "--output", tmp_path)
    with (tmp_path / ".sandbox" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = run("build", "--days", 1, "--output", tmp_path)
    assert result.exit_code == 1
    assert "Another build" in result.stderr


def test_progress_is_shown_once_it_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_PATIENCE_S", 0.0)
    result = run("build", "--days", 1, "--output", tmp_path, "--json")
    assert "writing truth.json" in result.stderr
    assert json.loads(result.stdout)["days"] == 1


def test_progress_is_a_line_every_two_seconds_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(100_000))
    monkeypatch.setattr(sandbox.time, "monotonic", lambda: next(ticks) * 0.1)
    lines = run("build", "--days", 1, "--output", tmp_path).stderr.splitlines()
    files = sum(path.is_file() and ".sandbox" not in path.parts for path in tmp_path.rglob("*"))
    assert len(lines) == files // 21


class TestBreak:
    def test_the_record_is_printed_and_kept(self, tmp_path: Path) -> None:
        run("build", "--days", 1, "--output", tmp_path)
        result = run("break", "log-cut-line", "--output", tmp_path, "--json")
        assert result.exit_code == 0
        record = json.loads(result.stdout)
        assert json.loads((tmp_path / "faults.json").read_bytes()) == {"faults": [record]}
        assert (record["kind"], record["reason"]) == ("log-cut-line", "not_json")

    def test_a_person_reads_what_broke_where_and_how_to_repair_it(self, tmp_path: Path) -> None:
        run("build", "--days", 1, "--output", tmp_path)
        told = run("break", "log-joined-lines", "--output", tmp_path).stdout
        assert "tracking.log" in told
        assert ", line " in told
        assert "two_objects" in told
        assert "olp sandbox build" in run("break", "package-cut", "--output", tmp_path).stdout

    def test_the_kinds_are_listed(self) -> None:
        result = run("break", "--list")
        assert result.exit_code == 0
        assert [line.split()[0] for line in result.stdout.splitlines()] == [kind.value for kind in FaultKind]

    def test_nothing_to_break_is_one(self, tmp_path: Path) -> None:
        result = run("break", "log-cut-line", "--output", tmp_path)
        assert result.exit_code == 1
        assert "Build one with" in result.stderr

    def test_an_unknown_kind_is_two(self, tmp_path: Path) -> None:
        assert run("break", "everything", "--output", tmp_path).exit_code == 2
