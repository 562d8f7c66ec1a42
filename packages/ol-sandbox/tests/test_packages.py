"""edX.org's packages and reports, read by rules of their own: `tar`, `gpg`, a plain TSV reader, a key parser."""

import csv
import io
import json
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from opaque_keys.edx.keys import CourseKey, UsageKey

from ol_sandbox.dirt import OF_DATABASES, OF_PACKAGES, DirtKind
from ol_sandbox.edxorg.columns import TABLES
from ol_sandbox.edxorg.delivery import package_days
from ol_sandbox.edxorg.openpgp import PASSPHRASE, encrypt
from ol_sandbox.edxorg.tsv import field
from ol_sandbox.recipe import Recipe

PACKAGE = "simeon-mitx-pipeline-main/COLD/mitx-2026-03-04.tar.gz"
NAME = re.compile(
    r"(?P<course>[\w.]+-[\w.-]+?-[\w.]+?)(-(?P<label>[a-z_]+))?-(?P<source>prod|edge)(-analytics)?"
    r"\.(?P<ending>sql|json|mongo|xml\.tar\.gz)"
)


def members_of(place: Path) -> dict[str, bytes]:
    with tarfile.open(place, mode="r:gz") as archive:
        return {info.name.rpartition("/")[2]: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]


def members_in(packed: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        return archive.getnames()


@pytest.fixture(scope="module")
def members(sandbox: Any) -> dict[str, bytes]:
    return members_of(sandbox.path(PACKAGE))


@pytest.fixture(scope="module")
def runs(sandbox: Any) -> list[dict[str, Any]]:
    return sandbox.truth["packages"][f"sources/{PACKAGE}"]["runs"]


UNESCAPED = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}


def read_tsv(content: bytes) -> list[dict[str, str | None]]:
    """Split first, then undo the escapes from left to right."""
    lines = content.decode().split("\n")
    assert lines.pop() == ""
    header = lines[0].split("\t")
    return [dict(zip(header, map(unescape, line.split("\t")), strict=True)) for line in lines[1:]]


def unescape(text: str) -> str | None:
    return None if text == "NULL" else re.sub(r"\\(.)", lambda found: UNESCAPED[found[1]], text)


def tables_in(members: dict[str, bytes], table: str, source: str = "prod") -> dict[str, list[dict[str, str | None]]]:
    suffix = f"-{table}-{source}-analytics.sql"
    return {
        name.removesuffix(suffix): read_tsv(content)
        for name, content in members.items()
        if name.endswith(suffix) and content
    }


@pytest.fixture(scope="module")
def sandbox_of_a_day(make_sandbox: Callable[[Recipe], Any]) -> dict[str, int]:
    """How often each kind of dirt occurs when all are on."""
    truth = make_sandbox(Recipe(7, days=1)).truth
    return {name: entry["count"] for name, entry in truth["dirt"].items()}


class TestMembers:
    def test_every_member_is_announced_or_odd(self, members: Any, runs: list[dict[str, Any]]) -> None:
        odd = {name: kind for run in runs for name, kind in run["odd"].items()}
        for name in members:
            if odd.get(name) not in ("unknown_member", "encrypted_member"):
                assert NAME.fullmatch(name), name
        assert odd.keys() <= members.keys()

    def test_all_tables_of_all_runs_are_there_with_the_rows_of_the_truth(self, members: Any, runs: Any) -> None:
        assert len(TABLES) == 44
        for run in runs:
            assert run["tables"].keys() == TABLES.keys()
            for table, rows in run["tables"].items():
                name = f"{run['course']}-{table}-{run['source']}-analytics.sql"
                if members.get(name):
                    assert len(read_tsv(members[name])) == rows, name
                else:
                    assert {run["odd"].get(name), run["odd"].get(f"{name}.gpg")} & {
                        "zero_byte_table",
                        "encrypted_member",
                    }

    def test_both_sites(self, runs: Any) -> None:
        assert Counter(run["source"] for run in runs)["edge"] == 1
        assert len(runs) == 3 + 4 + 1
        assert any("/" in run["course_id"] for run in runs)

    def test_headers_start_like_the_tables(self, members: Any) -> None:
        longer = 0
        for name, content in members.items():
            found = NAME.fullmatch(name)
            if found and found["ending"] == "sql" and content and found["label"] in TABLES:
                header = content.decode().split("\n")[0].split("\t")
                assert tuple(header[: len(TABLES[found["label"]])]) == TABLES[found["label"]]
                longer += len(header) > len(TABLES[found["label"]])
        assert longer == 2

    def test_structures_are_whole_trees_of_keys_that_parse(self, members: Any, runs: Any) -> None:
        for run in runs:
            name = f"{run['course']}-course_structure-{run['source']}-analytics.json"
            tree = json.loads(members[name])
            assert len(tree) == run["blocks"]
            children = [child for block in tree.values() for child in block["children"]]
            (root,) = tree.keys() - set(children)
            assert tree[root]["category"] == "course"
            assert len(children) == len(set(children)) == len(tree) - 1
            for key, block in tree.items():
                assert UsageKey.from_string(key).block_type == block["category"]
            assert CourseKey.from_string(run["course_id"])

    def test_forums_are_whole(self, members: Any, runs: Any) -> None:
        total = 0
        for run in runs:
            posts = [json.loads(line) for line in members[f"{run['course']}-{run['source']}.mongo"].splitlines()]
            assert len(posts) == run["forum_posts"]
            total += len(posts)
            ids = {post["_id"]["$oid"] for post in posts}
            assert len(ids) == len(posts)
            for post in posts:
                assert post["course_id"] == run["course_id"]
                assert post["_type"] == "CommentThread" or post["comment_thread_id"]["$oid"] in ids
        assert total > 10

    def test_archives_open_but_for_one(self, members: Any, runs: Any) -> None:
        for run in runs:
            name = f"{run['course']}-course-{run['source']}-analytics.xml.tar.gz"
            if run["odd"].get(name) == "cut_tarball":
                with pytest.raises((EOFError, tarfile.ReadError)):
                    members_in(members[name])
            else:
                with tarfile.open(fileobj=io.BytesIO(members[name]), mode="r:gz") as archive:
                    assert "course/course.xml" in archive.getnames()


class TestConsistency:
    def test_everything_is_about_somebody_enrolled(self, members: Any) -> None:
        users = {run: {row["id"] for row in rows} for run, rows in tables_in(members, "auth_user").items()}
        for table, column in (
            ("auth_userprofile", "user_id"),
            ("student_courseenrollment", "user_id"),
            ("courseware_studentmodule", "student_id"),
            ("certificates_generatedcertificate", "user_id"),
            ("grades_persistentcoursegrade", "user_id"),
            ("grades_persistentsubsectiongrade", "user_id"),
            ("student_anonymoususerid", "user_id"),
        ):
            for run, rows in tables_in(members, table).items():
                assert {row[column] for row in rows} <= users[run], (table, run)

    def test_what_the_forum_says_is_what_the_logs_say(self, sandbox: Any, members: Any, runs: Any) -> None:
        created = {
            line.payload["id"]: line.payload["body"]
            for line in sandbox.distinct("edxorg")
            if line.called in ("edx.forum.thread.created", "edx.forum.response.created") and line.username
        }
        bodies = {
            post["_id"]["$oid"]: post["body"]
            for run in runs
            for post in map(json.loads, members[f"{run['course']}-{run['source']}.mongo"].splitlines())
        }
        assert len(created) > 3
        assert created.items() <= bodies.items()

    def test_answers_in_the_logs_are_states_in_the_package(self, sandbox: Any, members: Any) -> None:
        tables = tables_in(members, "courseware_studentmodule")
        states = {(row["student_id"], row["module_id"]) for rows in tables.values() for row in rows}
        users = {account.username: str(account.user_id) for account in sandbox.registry.accounts["edxorg"]}
        answered = {
            (users[line.username], line.payload["problem_id"])
            for line in sandbox.distinct("edxorg")
            if line.called == "problem_check" and line.row["event_source"] == "server" and line.username
        }
        assert len(answered) > 20
        assert answered <= states

    def test_state_is_json_behind_the_escapes(self, members: Any) -> None:
        for rows in tables_in(members, "courseware_studentmodule").values():
            for row in rows:
                assert isinstance(json.loads(str(row["state"])), dict)
                assert datetime.fromisoformat(str(row["modified"]))


class TestDirt:
    def test_every_kind_is_recounted(self, sandbox: Any, members: Any, runs: Any) -> None:
        dirt = {kind: sandbox.truth["dirt"][kind.value]["by_platform"]["edxorg"] for kind in OF_PACKAGES}
        odd = Counter(kind for run in runs for kind in run["odd"].values())
        profiles = [
            row
            for source in ("prod", "edge")
            for rows in tables_in(members, "auth_userprofile", source).values()
            for row in rows
        ]
        specials = sum(all(mark in str(row["bio"]) for mark in '\t\r\n"\\') for row in profiles)
        assert dirt == {
            **{kind: odd[kind] for kind in OF_PACKAGES - {DirtKind.TSV_SPECIALS, DirtKind.TSV_LITERAL_NULL}},
            DirtKind.TSV_SPECIALS: specials,
            DirtKind.TSV_LITERAL_NULL: sum(row["goals"] is None for row in profiles),
        }
        assert min(dirt.values()) > 0

    @pytest.mark.parametrize("kind", sorted(OF_PACKAGES | OF_DATABASES))
    def test_each_kind_can_be_left_out_or_be_alone(
        self, sandbox_of_a_day: dict[str, int], make_sandbox: Callable[[Recipe], Any], kind: DirtKind
    ) -> None:
        alone = make_sandbox(Recipe(7, days=1, dirt=frozenset({kind}))).truth["dirt"]
        assert {name for name, entry in alone.items() if entry["count"]} == {kind.value}
        assert alone[kind]["count"] == sandbox_of_a_day[kind]
        others = make_sandbox(Recipe(7, days=1, dirt=frozenset(DirtKind) - {kind})).truth["dirt"]
        assert {name: entry["count"] for name, entry in others.items()} == {**sandbox_of_a_day, kind.value: 0}

    def test_specials_survive(self, members: Any) -> None:
        bios = {str(row["bio"]) for rows in tables_in(members, "auth_userprofile").values() for row in rows}
        assert 'tab\there, "quotes", a back\\slash, C:\\temp\\new\r\nand a second line with \\n in it' in bios

    def test_without_dirt_members_are_plain(self, clean_sandbox: Any) -> None:
        members = members_of(clean_sandbox.path(PACKAGE))
        assert all(NAME.fullmatch(name) for name in members)
        assert all(len(content.splitlines()) > 1 for name, content in members.items() if name.endswith(".sql"))
        for run in clean_sandbox.truth["packages"][f"sources/{PACKAGE}"]["runs"]:
            assert run["odd"] == {}
            assert all(run["tables"].values())


def test_tar_reads_it(sandbox: Any, runs: Any) -> None:
    listed = subprocess.run(["tar", "tzf", str(sandbox.path(PACKAGE))], check=True, capture_output=True, text=True)
    names = listed.stdout.splitlines()
    assert {name.partition("/")[0] for name in names} == {"mitx-2026-03-04"}
    assert len(names) == len(runs) * (44 + 3) + 3
    assert listed.stderr == ""


class TestEncryption:
    def decrypt(self, content: bytes, home: Path, passphrase: str = PASSPHRASE) -> "subprocess.CompletedProcess[bytes]":
        if shutil.which("gpg") is None:
            pytest.skip("gpg is not installed")
        home.chmod(0o700)
        options = ["--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--no-tty"]
        program = ["gpg", *options, "--passphrase", passphrase, "--decrypt"]
        return subprocess.run(program, input=content, capture_output=True, check=False)

    def test_gpg_reads_the_encrypted_member(self, members: Any, runs: Any, tmp_path: Path) -> None:
        (name,) = [name for name in members if name.endswith(".gpg")]
        decrypted = self.decrypt(members[name], tmp_path)
        assert decrypted.returncode == 0, decrypted.stderr
        (run,) = [run for run in runs if name in run["odd"]]
        assert len(read_tsv(decrypted.stdout)) == run["tables"]["user_id_map"] > 0

    @pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 5000])
    def test_any_length(self, tmp_path: Path, length: int) -> None:
        content = bytes(index % 251 for index in range(length))
        decrypted = self.decrypt(encrypt(content, "folder/name.sql"), tmp_path)
        assert (decrypted.returncode, decrypted.stdout) == (0, content)

    def test_the_passphrase_is_needed_and_damage_is_seen(self, tmp_path: Path) -> None:
        message = encrypt(b"content", "name")
        assert self.decrypt(message, tmp_path, "another").returncode != 0
        assert self.decrypt(message[:-1] + b"x", tmp_path).returncode != 0

    def test_equal_content_makes_equal_bytes(self) -> None:
        assert encrypt(b"a", "n") == encrypt(b"a", "n") != encrypt(b"b", "n")


class TestReports:
    def read(self, sandbox: Any, part: str) -> tuple[list[dict[str, str]], dict[str, Any]]:
        ((path, entry),) = [(path, e) for path, e in sandbox.truth["reports"].items() if part in path]
        content = (sandbox.built.output / path).read_bytes()
        if path.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                content = archive.read(archive.namelist()[0])
        return list(csv.DictReader(io.StringIO(content.decode()))), entry

    @pytest.mark.parametrize("part", ["learner_report", "entitlement", "opt-in"])
    def test_rows_are_those_of_the_truth(self, sandbox: Any, part: str) -> None:
        rows, entry = self.read(sandbox, part)
        assert len(rows) == entry["rows"] > 0

    def test_program_certificates_are_those_of_the_answers(self, sandbox: Any) -> None:
        rows, _ = self.read(sandbox, "learner_report")
        certified = {(row["Program UUID"], row["User ID"]) for row in rows if row["Completed Program"] == "true"}
        (program,) = [p for p in sandbox.truth["answers"]["programs"] if p["platform"] == "edxorg"]
        assert len(certified) == program["certificates"] > 0
        assert {row["Program Type"] for row in rows} == {"MicroMasters"}


def test_packages_are_weekly() -> None:
    assert [str(day) for day in package_days(Recipe(1, "small", days=21))] == ["2026-03-08", "2026-03-15", "2026-03-22"]
    assert [str(day) for day in package_days(Recipe(1))] == ["2026-03-04"]


def test_a_later_package_knows_more(make_sandbox: Callable[[Recipe], Any]) -> None:
    packages = make_sandbox(Recipe(7, days=14)).truth["packages"].values()
    modules = [sum(run["tables"]["courseware_studentmodule"] for run in package["runs"]) for package in packages]
    assert len(modules) == 2
    assert modules[0] < modules[1]


def test_blocks_of_the_sites(sandbox: Any) -> None:
    assert {entry["platform"] for entry in sandbox.truth["course_blocks"].values()} == {"mitxonline", "xpro"}
    for path, entry in sandbox.truth["course_blocks"].items():
        document = json.loads((sandbox.built.output / path).read_bytes())
        assert len(document["blocks"]) == entry["blocks"]
        assert document["blocks"][document["root"]]["type"] == "course"
        children = [child for block in document["blocks"].values() for child in block.get("children", ())]
        assert set(children) | {document["root"]} == document["blocks"].keys()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "1"),
        ("", ""),
        ("a\tb\\n\r\n", "a\\tb\\\\n\\r\\n"),
        (datetime.fromisoformat("2026-03-01T00:00:00+01:00"), "2026-02-28 23:00:00"),
        (datetime.fromisoformat("2026-03-01T00:00:00.5+00:00"), "2026-03-01 00:00:00.500000"),
        (datetime.fromisoformat("2026-03-01").date(), "2026-03-01"),
        (1.5, "1.5"),
    ],
)
def test_fields(value: object, text: str) -> None:
    assert field(value) == text
