"""Objects on this machine's disk or in a store behind UPath: listed, read, written, removed, and what can go wrong."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ol_orchestrate.lib.errors import SourceRejected, SourceUnavailable
from ol_orchestrate.lib.files import atomic_writer

if TYPE_CHECKING:  # UPath brings fsspec along, a tenth of what Dagster costs to import
    from upath import UPath

type Place = Path | UPath
"""A `Path` on this machine's disk; anywhere else a `UPath`, and only then is that package loaded."""


def keys_below(folder: Place) -> list[str]:
    """Keys of the files below a folder, relative to it; none when it is not there, one empty key when it is a file.

    Hidden files are among them. One listing, where `rglob` asks an object store for each object by itself.

    Raises:
        SourceRejected, SourceUnavailable: The store said no, or did not answer.
    """
    with storage_errors(folder, "list"):
        if isinstance(folder, Path):
            if folder.is_file():
                return [""]
            return [(at / name).relative_to(folder).as_posix() for at, _, names in folder.walk() for name in names]
        found = cast("list[str]", folder.fs.find(folder.path))
    return [key.removeprefix(folder.path).lstrip("/") for key in found]


def states_below(folder: Place, name: str) -> dict[str, str]:
    """Keys below a folder whose last part is `name`, each with what changes when the object does. One listing.

    Raises:
        SourceRejected, SourceUnavailable: The store said no, or did not answer.
    """
    if isinstance(folder, Path):
        return {key: state for key in keys_below(folder) if _is(key, name) and (state := _state_of_file(folder / key))}
    with storage_errors(folder, "list"):
        found = cast("dict[str, dict[str, object]]", folder.fs.find(folder.path, detail=True))
    keys = {path.removeprefix(folder.path).lstrip("/"): facts for path, facts in found.items()}
    return {key: repr([facts.get(name) for name in _TELLING]) for key, facts in keys.items() if _is(key, name)}


_TELLING = ("ETag", "etag", "generation", "LastModified", "created", "size")
"""What listings of S3, Google Cloud Storage and memory say of an object that is another when it was written again."""


def _is(key: str, name: str) -> bool:
    return key.rpartition("/")[2] == name


def _state_of_file(path: Path) -> str:
    """Empty when it has just gone. A file that was replaced has another number even where the clock stood still."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return ""
    return f"{facts.st_ino} {facts.st_mtime_ns} {facts.st_size}"


def read_object(path: Place) -> bytes:
    """A small object, whole. One request, where `UPath.read_bytes` first asks how large it is.

    Raises:
        FileNotFoundError: It is not there.
    """
    if isinstance(path, Path):
        return path.read_bytes()
    in_one_piece = {"max_concurrency": 1} if path.protocol == "s3" else {}
    return cast("bytes", path.fs.cat_file(path.path, **in_one_piece))


def write_object(path: Place, content: bytes) -> bool:
    """Put a small object in its place in one step; False, and nothing is written, when it is there already.

    Raises:
        StorageFull: No room on this machine's disk.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    if isinstance(path, Path):
        with atomic_writer(path) as file:
            file.write(content)
    else:
        path.write_bytes(content)
    return True


def remove_object(path: Place) -> None:
    """Remove one object; nothing happens when it is not there.

    Not by `UPath.unlink`, which takes `*` and `[` in a name for a pattern and removes whatever else fits it.

    Raises:
        SourceRejected, SourceUnavailable: The store said no, or did not answer.
    """
    with storage_errors(path, "remove"), suppress(FileNotFoundError):
        if isinstance(path, Path):
            path.unlink()
        else:
            path.fs.rm_file(path.path)


@contextmanager
def storage_errors(path: Place, operation: str) -> Iterator[None]:
    """Give a remote store's failures in the block their kind; a local disk's keep their own words.

    Args:
        path: What the block works on.
        operation: One verb for the message, such as `"publish"`.

    Raises:
        SourceRejected: No such bucket or object, no permission, no credentials.
        SourceUnavailable: No answer, or an answer that asks to come back later.
    """
    if isinstance(path, Path):
        yield
        return
    refused, unanswered = _kinds(path.protocol)
    try:
        yield
    except refused as error:
        message = (
            f"Could not {operation} {path}: {error}. Check that the bucket exists, that this process has credentials, "
            "and that they allow it."
        )
        raise SourceRejected(message, system=path.protocol, operation=operation, url=str(path)) from error
    except unanswered as error:
        message = f"Could not {operation} {path}: {error}"
        raise SourceUnavailable(message, system=path.protocol, operation=operation, url=str(path)) from error


def _kinds(protocol: str) -> tuple[tuple[type[Exception], ...], tuple[type[Exception], ...]]:
    refused, unanswered = (PermissionError, FileNotFoundError), (OSError,)
    if protocol != "s3":
        return refused, unanswered
    from botocore import exceptions as boto  # type: ignore[import-untyped]

    return (
        (*refused, boto.NoCredentialsError, boto.PartialCredentialsError),
        (*unanswered, boto.ConnectionError, boto.HTTPClientError),
    )
