"""Where downloads are kept, shared by every clone on the machine, and how one gets there whole."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ol_orchestrate.lib.errors import ConfigurationError

type Say = Callable[[str], None]
"""Takes one line for the person who waits."""


def cache_folder(environ: Mapping[str, str]) -> Path:
    """`ol-data-platform` in the user's cache (XDG_CACHE_HOME, else `~/.cache`).

    Raises:
        ConfigurationError: It cannot be made.
    """
    base = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or "/nonexistent") / ".cache")
    folder = Path(base) / "ol-data-platform"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"Downloads cannot be kept in {folder} ({error.strerror}). Set XDG_CACHE_HOME to a folder you may write to."
        ) from error
    if not os.access(folder, os.W_OK):
        raise ConfigurationError(
            f"Downloads cannot be kept in {folder}. Set XDG_CACHE_HOME to a folder you may write to."
        )
    return folder


@contextmanager
def one_at_a_time(folder: Path, name: str) -> Iterator[None]:
    """Wait until no other process fetches `name`; it may leave nothing to do."""
    with (folder / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def check_sha256(path: Path, expected: str, say: Say) -> None:
    """Refuse a file that is not the one the repository names.

    Raises:
        ConfigurationError: Another hash; the file is removed, so that the next start fetches it again.
    """
    say(f"Checking {path.name} …")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        path.unlink()
        raise ConfigurationError(
            f"{path.name} has the SHA-256 {found}, and the repository expects {expected}: a damaged download, or "
            "another file. It was removed. Run the command again; if that does not help, ask whoever runs your mirror."
        )
