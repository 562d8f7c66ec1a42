"""The Trino server: fetched once, checked, and unpacked as far as it is used."""

import shutil
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from ol_orchestrate.lib.errors import ConfigurationError, SourceUnavailable, without_query
from ol_orchestrate.lib.files import naming_full_disk, scratch_directory
from ol_orchestrate.lib.trino_stack.cache import Say, cache_folder, check_sha256, one_at_a_time

TRINO_VERSION = "476"
TRINO_SHA256 = "cfd5accde17e8ebd251eeeb78aed1f490e77bb3a164d95a0f454bf8a7c1cbd3f"  # pragma: allowlist secret
"""Of `io.trino:trino-server:476:tar.gz`."""

REPOSITORY_VARIABLE = "OL_MAVEN_REPOSITORY"
HOME_VARIABLE = "TRINO_HOME"

_ARCHIVE = f"trino-server-{TRINO_VERSION}.tar.gz"
_ARCHIVE_BYTES = 821_000_000
_MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_USED = ("lib/", "secrets-plugin/", "plugin/iceberg/")
"""Folders of the archive that the stack needs: a quarter of it."""

_CHUNK_BYTES = 1 << 20
_REPORT_EVERY_S = 3.0


def trino_home(environ: Mapping[str, str], say: Say) -> Path:
    """The folder of a Trino server: TRINO_HOME, else the cached one, fetched when it is not there (821 MB, once).

    Raises:
        ConfigurationError: TRINO_HOME is none, or nothing says where to fetch it from, or the checksum is wrong.
        SourceUnavailable: The Maven repository did not answer.
    """
    if given := environ.get(HOME_VARIABLE):
        return _checked_home(Path(given))
    cache = cache_folder(environ)
    home = cache / f"trino-{TRINO_VERSION}"
    with one_at_a_time(cache, home.name):
        if not home.is_dir():
            with scratch_directory(cache) as scratch:
                archive = _fetch(environ, scratch, say)
                check_sha256(archive, TRINO_SHA256, say)
                say(f"Unpacking {archive.name} …")
                unpack(archive, scratch / "home")
                (scratch / "home").rename(home)
    return home


def unpack(archive: Path, target: Path) -> None:
    """The used part of a server archive, without its first folder. Reads the archive twice, in order.

    Plugins share files as links into other plugins, which are not unpacked; so the content of such a link's target is
    written under the name that is wanted.
    """
    wanted: dict[str, list[str]] = {}
    for _, member in _members(archive):
        name = _inner(member.name)
        if name.startswith(_USED) and (member.isreg() or member.islnk()):
            source = member.linkname if member.islnk() else member.name
            wanted.setdefault(source, []).append(name)
    for file, member in _members(archive):
        names = wanted.get(member.name) if member.isreg() else None
        if names:
            first, *others = (target / name for name in names)
            _write(file, member, first)
            for path in others:
                _share(first, path)


def _checked_home(home: Path) -> Path:
    for needed in ("lib", "plugin/iceberg"):
        if not (home / needed).is_dir():
            raise ConfigurationError(
                f"{HOME_VARIABLE} is {str(home)!r}, and there is no {needed} in it. Name the folder of an unpacked "
                f"trino-server (version {TRINO_VERSION} is the tested one), or unset {HOME_VARIABLE}."
            )
    return home.resolve()


def _fetch(environ: Mapping[str, str], scratch: Path, say: Say) -> Path:
    if repository := environ.get(REPOSITORY_VARIABLE):
        return _download(repository, scratch, say)
    if maven := shutil.which("mvn", path=environ.get("PATH")):
        return _copy_by_maven(maven, environ, scratch, say)
    raise ConfigurationError(
        "Trino is not on this machine yet, and nothing says where to get it. One of these helps: "
        f"`apt-get install -y maven` (macOS: `brew install maven`); {REPOSITORY_VARIABLE}=<address of a Maven "
        f"repository>; {HOME_VARIABLE}=<folder of an unpacked trino-server {TRINO_VERSION}>."
    )


def _download(repository: str, scratch: Path, say: Say) -> Path:
    url = f"{repository.rstrip('/')}/io/trino/trino-server/{TRINO_VERSION}/{_ARCHIVE}"
    target = scratch / _ARCHIVE
    say(f"Fetching Trino {TRINO_VERSION} from {REPOSITORY_VARIABLE} ({_megabytes(_ARCHIVE_BYTES)}) …")
    try:
        with naming_full_disk(target), urllib.request.urlopen(url, timeout=60) as answer, target.open("wb") as file:  # noqa: S310 (the operator's own setting)
            _copy_with_progress(answer, file, say)
    except (OSError, urllib.error.URLError, ValueError) as error:
        message = (
            f"Fetching {without_query(url)} failed: {error}. Check {REPOSITORY_VARIABLE}: it is the address below "
            "which a Maven repository has `io/trino/…`."
        )
        raise SourceUnavailable(message, system="maven", operation="download", url=url) from error
    return target


def _copy_with_progress(source: IO[bytes], target: IO[bytes], say: Say) -> None:
    reported = time.monotonic()
    while chunk := source.read(_CHUNK_BYTES):
        target.write(chunk)
        if time.monotonic() - reported > _REPORT_EVERY_S:
            reported = time.monotonic()
            say(f"  {_megabytes(target.tell())} of {_megabytes(_ARCHIVE_BYTES)}")


def _copy_by_maven(maven: str, environ: Mapping[str, str], scratch: Path, say: Say) -> Path:
    say(f"Fetching Trino {TRINO_VERSION} through {maven} ({_megabytes(_ARCHIVE_BYTES)}) …")
    log = scratch / "mvn.log"
    command = [
        *(maven, "--batch-mode", "--no-transfer-progress", f"-Dmaven.repo.local={scratch / 'repository'}", _MAVEN_COPY),
        *(f"-Dartifact=io.trino:trino-server:{TRINO_VERSION}:tar.gz", f"-DoutputDirectory={scratch}"),
    ]
    with log.open("wb") as output, _started(command, output, environ) as running:
        while _still_running(running):
            say(f"  {_megabytes(_size(scratch))} of {_megabytes(_ARCHIVE_BYTES)}")
    if running.returncode or not (scratch / _ARCHIVE).is_file():
        said = [line for line in log.read_text("utf-8", "replace").splitlines() if "ERROR" in line]
        message = (
            f"`mvn` could not fetch trino-server {TRINO_VERSION}: {said[0] if said else 'it said nothing'} "
            f"Its settings.xml names proxies and mirrors; or set {REPOSITORY_VARIABLE} or {HOME_VARIABLE} instead."
        )
        raise SourceUnavailable(message, system="maven", operation="download")
    return scratch / _ARCHIVE


def _started(command: Sequence[str], output: IO[bytes], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=output, stderr=output, env=dict(environ))  # noqa: S603 (the user's own mvn)


def _still_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_REPORT_EVERY_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _members(archive: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    with tarfile.open(archive, "r|gz") as file:
        for member in file:
            yield file, member


def _inner(name: str) -> str:
    """A member's name without the archive's own folder; nothing for one that would leave it."""
    inner = name.removeprefix("./").partition("/")[2]
    return "" if ".." in inner.split("/") else inner


def _write(file: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = file.extractfile(member)
    if content is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming_full_disk(path), path.open("wb") as output:
        shutil.copyfileobj(content, output, _CHUNK_BYTES)


def _share(first: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.hardlink_to(first)


def _size(folder: Path) -> int:
    """Bytes below a folder; files that another process is just moving do not count."""
    total = 0
    for path in folder.rglob("*.*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return min(total, _ARCHIVE_BYTES)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB"
