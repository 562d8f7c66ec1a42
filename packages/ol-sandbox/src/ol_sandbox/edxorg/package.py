"""One weekly package: a gzipped tar with every member of every run, and what is odd about some of them."""

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import IO, Any, BinaryIO

from ol_sandbox import olx
from ol_sandbox.dirt import DirtKind
from ol_sandbox.edxorg.columns import TABLES, columns_of
from ol_sandbox.edxorg.forum import Forum
from ol_sandbox.edxorg.openpgp import encrypt
from ol_sandbox.edxorg.snapshot import Snapshot, has_specials, says_null
from ol_sandbox.edxorg.structure import course_structure
from ol_sandbox.edxorg.tsv import write_table
from ol_sandbox.writer import open_gzip

_MADE_AT = 1_772_323_200
_SPOOL_BYTES = 1 << 20
_ENCRYPTED, _ZERO_BYTE = "user_id_map", "student_languageproficiency"


@dataclass(slots=True)
class RunMembers:
    """What a package holds of one run: rows by table, other members by what they are, and the odd ones by name."""

    name: str
    source: str
    course_id: str
    tables: dict[str, int] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    odd: dict[str, DirtKind] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The run's part of truth.json."""
        named = {"course": self.name, "source": self.source, "course_id": self.course_id}
        return {**named, "tables": self.tables, **self.others, "odd": self.odd}


def write_package(
    file: BinaryIO, day: date, snapshots: tuple[Snapshot, ...], forum: Forum, dirt: frozenset[DirtKind]
) -> list[RunMembers]:
    """Write the package of a day, streaming: no member is held in memory whole but small ones. Says what is in it."""
    with open_gzip(file) as packed, tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        package = _Package(archive, f"mitx-{day}", dirt)
        for place, snapshot in enumerate(snapshots):
            package.add_run(place, snapshot, forum)
        return package.runs


class _Package:
    """A package under construction.

    The first run has the table of zero bytes, the second the encrypted and unknown members, the third the archive that
    breaks off: wherever one thing is odd, the others are sound.
    """

    def __init__(self, archive: tarfile.TarFile, folder: str, dirt: frozenset[DirtKind]) -> None:
        self._archive = archive
        self._folder = folder
        self._dirt = dirt
        self.runs: list[RunMembers] = []

    def add_run(self, place: int, snapshot: Snapshot, forum: Forum) -> None:
        run = RunMembers(snapshot.name, snapshot.source, snapshot.term.course_id)
        self.runs.append(run)
        suffix = f"{snapshot.source}-analytics"
        for table in TABLES:
            self._add_table(run, place, snapshot, table, f"{snapshot.name}-{table}-{suffix}.sql")
        document = json.dumps(course_structure(snapshot.term)).encode()
        run.others["blocks"] = len(list(snapshot.term.run.root.walk()))
        self._add(f"{snapshot.name}-course_structure-{suffix}.json", io.BytesIO(document), len(document))
        run.others["forum_posts"] = self._add_forum(snapshot, forum, f"{snapshot.name}-{snapshot.source}.mongo")
        self._add_archive(run, place, snapshot, f"{snapshot.name}-course-{suffix}.xml.tar.gz")
        if place == 1 and DirtKind.UNKNOWN_MEMBER in self._dirt:
            self._add_unknown(run, snapshot)

    def _add_table(self, run: RunMembers, place: int, snapshot: Snapshot, table: str, name: str) -> None:
        columns = columns_of(table, is_old=snapshot.term.course.old_form)
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            rows = write_table(spool, columns, snapshot.rows(table))
            if place == 0 and table == _ZERO_BYTE and DirtKind.ZERO_BYTE_TABLE in self._dirt:
                spool.truncate(0)
                rows = 0
                run.odd[name] = DirtKind.ZERO_BYTE_TABLE
            elif rows == 0 and DirtKind.HEADER_ONLY_TABLE not in self._dirt:
                return
            elif rows == 0:
                run.odd[name] = DirtKind.HEADER_ONLY_TABLE
            run.tables[table] = rows
            if place == 1 and table == _ENCRYPTED and DirtKind.ENCRYPTED_MEMBER in self._dirt:
                spool.seek(0)
                run.odd[f"{name}.gpg"] = DirtKind.ENCRYPTED_MEMBER
                content = encrypt(spool.read(), name)
                self._add(f"{name}.gpg", io.BytesIO(content), len(content))
            else:
                self._add(name, spool, spool.seek(0, io.SEEK_END))

    def _add_forum(self, snapshot: Snapshot, forum: Forum, name: str) -> int:
        posts = 0
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            for line in _posts(snapshot, forum):
                spool.write(line)
                posts += 1
            self._add(name, spool, spool.seek(0, io.SEEK_END))
        return posts

    def _add_archive(self, run: RunMembers, place: int, snapshot: Snapshot, name: str) -> None:
        buffer = io.BytesIO()
        olx.write_archive(buffer, snapshot.institution.registry.recipe.seed, snapshot.term.run, ())
        if place == 2 and DirtKind.CUT_TARBALL in self._dirt:
            buffer.truncate(len(buffer.getvalue()) // 2)
            run.odd[name] = DirtKind.CUT_TARBALL
        self._add(name, buffer, buffer.seek(0, io.SEEK_END))

    def _add_unknown(self, run: RunMembers, snapshot: Snapshot) -> None:
        """A table nobody knows, a label with a digit in it, and a file that is no export at all."""
        for name in (
            f"{snapshot.name}-survey_answers-{snapshot.source}-analytics.sql",
            f"{snapshot.name}-ora2_x1-{snapshot.source}-analytics.sql",
            "README.txt",
        ):
            content = b"id\tnote\n1\tsynthetic\n"
            self._add(name, io.BytesIO(content), len(content))
            run.odd[name] = DirtKind.UNKNOWN_MEMBER

    def _add(self, name: str, content: IO[bytes], size: int) -> None:
        content.seek(0)
        info = tarfile.TarInfo(f"{self._folder}/{name}")
        info.size, info.mtime, info.mode = size, _MADE_AT, 0o644
        self._archive.addfile(info, content)


def _posts(snapshot: Snapshot, forum: Forum) -> Iterator[bytes]:
    """Edge has no learners who would write."""
    return forum.documents(snapshot.term.course_id) if snapshot.source == "prod" else iter(())


def odd_fields(snapshots: tuple[Snapshot, ...], dirt: frozenset[DirtKind]) -> dict[DirtKind, int]:
    """How many fields of a package are dirty on purpose."""
    people = [account.person for snapshot in snapshots for _, account in snapshot.present]
    return {
        DirtKind.TSV_SPECIALS: sum(has_specials(person, dirt) for person in people),
        DirtKind.TSV_LITERAL_NULL: sum(says_null(person, dirt) for person in people),
    }
