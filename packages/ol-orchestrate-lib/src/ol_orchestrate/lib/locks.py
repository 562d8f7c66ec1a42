"""One writer at a time in a local folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ol_orchestrate.lib.errors import SourceUnavailable

LOCK_NAME = ".writer.lock"


class FolderBusy(SourceUnavailable):
    """Another process is writing into the folder; worth another try when it has ended."""


@contextmanager
def single_writer(folder: Path) -> Iterator[None]:
    """Hold the folder for writing; the system lets go of it when the process ends, however it ends.

    Raises:
        FolderBusy: another process holds it; the message names the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_NAME).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            message = (
                f"Writing into {folder}: process {holder} is doing that already. Wait until it has ended "
                f"(`ps -p {holder}` shows it) and run this again."
            )
            raise FolderBusy(message, system="folder", operation="write", url=str(folder)) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
