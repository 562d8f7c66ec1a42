"""Faults inside a weekly edX.org package: it is copied, member by member, but for one."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from ol_sandbox.writer import open_gzip

_ACCOUNTS = "-auth_user-prod-analytics.sql"


def ragged_row(place: Path, broken: Path, chance: Random) -> str:
    """Cut the last row of one table of accounts after its third field."""
    victim = chance.choice([name for name in _names(place) if name.endswith(_ACCOUNTS)])
    with _archives(place, broken) as (source, target):
        for member in source:
            content = _content(source, member)
            if member.name == victim:
                *rows, last = content.removesuffix(b"\n").split(b"\n")
                content = b"\n".join([*rows, b"\t".join(last.split(b"\t")[:3]), b""])
            _add(target, member.name, content, member)
    return f"last row of {victim}"


def hostile_path(place: Path, broken: Path, chance: Random) -> str:
    """Add a member whose path leads out of wherever a package is unpacked."""
    name = f"../../hostile-{chance.getrandbits(32):08x}-auth_user-prod-analytics.sql"
    with _archives(place, broken) as (source, target):
        for member in source:
            _add(target, member.name, _content(source, member), member)
        _add(target, name, b"id\n1\n", member)
    return name


@contextmanager
def _archives(place: Path, broken: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarFile]]:
    with (
        tarfile.open(place, mode="r|gz") as source,
        broken.open("wb") as file,
        open_gzip(file) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as target,
    ):
        yield source, target


def _names(place: Path) -> list[str]:
    with tarfile.open(place, mode="r:gz") as archive:
        return archive.getnames()


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""


def _add(archive: tarfile.TarFile, name: str, content: bytes, like: tarfile.TarInfo) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(content), like.mtime, like.mode
    archive.addfile(info, io.BytesIO(content))
