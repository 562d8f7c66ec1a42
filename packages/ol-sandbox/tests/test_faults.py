"""Faults injected into a built sandbox: each breaks what it says, nothing else, and the next build repairs it."""

import gzip
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ol_sandbox.build import build
from ol_sandbox.faults.files import FILE_FAULTS
from ol_sandbox.faults.injection import FAULTS, NotBuiltError, inject, recorded
from ol_sandbox.faults.kinds import MEANINGS, FaultKind
from ol_sandbox.faults.lines import LINE_FAULTS
from ol_sandbox.recipe import Recipe

type ContentOf = Callable[[Path], dict[str, bytes]]

RECIPE = Recipe(7, days=1)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(RECIPE, tmp_path_factory.mktemp("pristine")).output


@pytest.fixture
def output(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "sandbox"))


def test_every_kind_is_explained_and_can_be_done() -> None:
    assert set(MEANINGS) == set(FaultKind) == LINE_FAULTS | FILE_FAULTS.keys()
    assert LINE_FAULTS.isdisjoint(FILE_FAULTS)


@pytest.mark.parametrize("kind", FaultKind)
class TestEach:
    def test_one_file_changes_and_the_record_names_it(
        self, pristine: Path, output: Path, content_of: ContentOf, kind: FaultKind
    ) -> None:
        record = inject(kind, output).record
        before, after = stored(pristine), stored(output)
        assert [path for path in before if before[path] != after[path]] == [record["path"]]
        assert after.keys() - before.keys() == {FAULTS}
        assert record["sha256_before"] != record["sha256_after"]
        assert recorded(output) == [record]
        assert (record["number"], record["kind"], record["reason"]) == (1, kind, MEANINGS[kind].reason)

    def test_it_is_deterministic(self, pristine: Path, output: Path, tmp_path: Path, kind: FaultKind) -> None:
        other = Path(shutil.copytree(pristine, tmp_path / "other"))
        assert inject(kind, output).record == inject(kind, other).record

    def test_the_next_build_repairs_it(self, pristine: Path, output: Path, kind: FaultKind) -> None:
        path = inject(kind, output).record["path"]
        built = build(RECIPE, output)
        assert (built.changed, built.removed) == ((path,), (FAULTS,))
        assert stored(output) == stored(pristine)


def stored(output: Path) -> dict[str, bytes]:
    """Every delivered file as it lies there."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file() and ".sandbox" not in path.relative_to(output).parts
    }


@pytest.mark.parametrize("kind", sorted(LINE_FAULTS))
def test_a_broken_line_is_refused_for_the_reason_told(
    sandbox: Any, pristine: Path, output: Path, kind: FaultKind, request: pytest.FixtureRequest
) -> None:
    record = inject(kind, output).record
    before, after = (lines(root / record["path"]) for root in (pristine, output))
    assert len(after) - len(before) == record["effect"]["lines"]
    broken = after[record["line_number"] - 1]
    assert broken not in before
    if kind is FaultKind.LOG_JOINED_LINES:
        assert broken == b"".join(before[record["line_number"] - 1 : record["line_number"] + 1])
    reads = {FaultKind.LOG_NO_TIME, FaultKind.LOG_FOREIGN_OBJECT}
    if kind in reads:
        assert "time" not in json.loads(broken)
    else:
        with pytest.raises(ValueError, match=r"utf-8|delimiter|Extra data|Expecting|Unterminated"):
            json.loads(broken.decode())


def members_of(place: Path) -> dict[str, bytes]:
    with tarfile.open(place, mode="r:gz") as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]


def lines(place: Path) -> list[bytes]:
    return gzip.decompress(place.read_bytes()).removesuffix(b"\n").split(b"\n")


class TestFiles:
    def test_a_cut_log(self, output: Path) -> None:
        place = output / inject(FaultKind.LOG_CUT_GZIP, output).record["path"]
        with pytest.raises(EOFError):
            gzip.decompress(place.read_bytes())

    def test_a_log_that_is_none(self, output: Path) -> None:
        place = output / inject(FaultKind.LOG_NOT_GZIP, output).record["path"]
        with pytest.raises(gzip.BadGzipFile):
            gzip.decompress(place.read_bytes())

    @pytest.mark.parametrize("kind", [FaultKind.COURSE_CUT_ARCHIVE, FaultKind.PACKAGE_CUT])
    def test_a_cut_archive(self, output: Path, kind: FaultKind) -> None:
        place = output / inject(kind, output).record["path"]
        with pytest.raises((EOFError, tarfile.ReadError)), tarfile.open(place, mode="r:gz") as archive:
            archive.getmembers()

    def test_a_ragged_row(self, pristine: Path, output: Path) -> None:
        record = inject(FaultKind.PACKAGE_RAGGED_ROW, output).record
        before, after = (members_of(root / record["path"]) for root in (pristine, output))
        (name,) = [name for name in before if before[name] != after[name]]
        assert record["detail"] == f"last row of {name}"
        header, *rows = after[name].removesuffix(b"\n").split(b"\n")
        fields = [row.count(b"\t") for row in rows]
        assert fields[-1] == 2 < header.count(b"\t") == min(fields[:-1])
        assert after.keys() == before.keys()

    def test_a_hostile_path(self, pristine: Path, output: Path) -> None:
        record = inject(FaultKind.PACKAGE_HOSTILE_PATH, output).record
        before, after = (members_of(root / record["path"]) for root in (pristine, output))
        assert after.keys() - before.keys() == {record["detail"]}
        assert record["detail"].startswith("../../")
        assert before.items() <= after.items()

    @pytest.mark.parametrize(
        ("kind", "query", "found"),
        [
            (
                FaultKind.DATABASE_ORPHAN,
                "SELECT count(*) FROM courses_courserunenrollment WHERE user_id NOT IN (SELECT id FROM users_user)",
                1,
            ),
            (FaultKind.DATABASE_REPEATED_KEY, "SELECT count(*) - count(DISTINCT id) FROM users_user", 1),
            (FaultKind.DATABASE_UNKNOWN_VALUE, "SELECT count(*) FROM ecommerce_order WHERE state = 'on_holiday'", 1),
            (FaultKind.DATABASE_LOST_TABLE, "SELECT count(*) FROM sqlite_master WHERE name LIKE '%courserungrade'", 0),
        ],
    )
    def test_databases(self, output: Path, kind: FaultKind, query: str, found: int) -> None:
        place = output / inject(kind, output).record["path"]
        connection = sqlite3.connect(place)
        assert connection.execute(query).fetchone() == (found,)
        connection.close()

    def test_a_lost_column(self, pristine: Path, output: Path) -> None:
        path = inject(FaultKind.REPORT_LOST_COLUMN, output).record["path"]
        headers = [(root / path).read_text().splitlines()[0].split(",") for root in (pristine, output)]
        assert len(set(headers[0]) - set(headers[1])) == 1


class TestMany:
    def test_faults_add_up(self, output: Path) -> None:
        for kind in FaultKind:
            inject(kind, output)
        assert [fault["kind"] for fault in recorded(output)] == list(FaultKind)
        assert [fault["number"] for fault in recorded(output)] == list(range(1, len(FaultKind) + 1))

    def test_the_truth_stays(self, pristine: Path, output: Path) -> None:
        inject(FaultKind.LOG_CUT_LINE, output)
        assert (output / "truth.json").read_bytes() == (pristine / "truth.json").read_bytes()

    def test_what_is_gone_cannot_be_broken_again(self, output: Path) -> None:
        inject(FaultKind.PACKAGE_CUT, output)
        with pytest.raises(NotBuiltError, match="Nothing is left"):
            inject(FaultKind.PACKAGE_CUT, output)
        inject(FaultKind.DATABASE_LOST_TABLE, output)
        with pytest.raises(NotBuiltError, match="no such table"):
            inject(FaultKind.DATABASE_LOST_TABLE, output)


def test_nothing_can_be_broken_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(NotBuiltError, match="olp sandbox build"):
        inject(FaultKind.LOG_CUT_LINE, tmp_path)


def test_a_sandbox_without_dirt_breaks_too(clean_sandbox: Any, tmp_path: Path) -> None:
    output = Path(shutil.copytree(clean_sandbox.built.output, tmp_path / "sandbox"))
    for kind in sorted(LINE_FAULTS):
        assert inject(kind, output).record["effect"]
