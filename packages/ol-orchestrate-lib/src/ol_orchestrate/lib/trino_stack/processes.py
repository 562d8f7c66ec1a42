"""Programs that outlive the command that started them, and are ended by another one.

A process id alone is not a name: once its process has ended the system gives it to somebody else. With the time the
process started it is one, and nothing but what carries both is ever signalled.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.files import atomic_writer

_TERMINATE_S = 20.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A process by its id and the system's own text of when it started; `log` is where it writes."""

    name: str
    pid: int
    started: str
    log: str

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return start_time(self.pid) == self.started

    @property
    def memory_bytes(self) -> int:
        """What it and its children hold in memory now; 0 where the system does not tell.

        A page that several share is counted once: each has its part of it.
        """
        return sum(_memory_bytes(pid) for pid in (self.pid, *_children(self.pid)))


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged user to run a program as."""

    name: str
    uid: int
    gid: int
    home: Path


def start_process(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environ: Mapping[str, str],
    folder: Path,
    account: Account | None = None,
) -> RunningProcess:
    """Start a program in a session of its own, so that a closed terminal does not end it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 (programs that were looked up, arguments made here)
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environ),
            start_new_session=True,
            **as_account(account),
        )
    return RunningProcess(name, process.pid, start_time(process.pid) or "", str(log))


def as_account(account: Account | None) -> dict[str, Any]:
    """What `subprocess` needs to run a program as somebody else; nothing when it is ourselves."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def stop_process(process: RunningProcess) -> None:
    """End a process and wait until it has: asked first, forced after twenty seconds. Nothing if it has ended."""
    for request, patience_s in ((signal.SIGTERM, _TERMINATE_S), (signal.SIGKILL, _TERMINATE_S)):
        if not process.is_alive:
            return
        os.kill(process.pid, request)
        deadline = time.monotonic() + patience_s
        while process.is_alive and time.monotonic() < deadline:
            _collect(process.pid)
            time.sleep(_POLL_S)


def start_time(pid: int) -> str | None:
    """When the process started, as the system says it; None when there is none, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _start_time_by_ps(pid)
    state, started = fields[0], fields[19]
    return None if state == "Z" else started


def read_processes(path: Path) -> tuple[RunningProcess, ...]:
    """What `write_processes` wrote, in that order; empty when nothing was.

    Raises:
        ConfigurationError: The file is damaged.
    """
    try:
        return tuple(RunningProcess(**entry) for entry in json.loads(path.read_bytes()))
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is damaged ({error}), so what it named cannot be stopped by itself. "
            "Look with `ps -ef | grep -E 'trino|postgres'`, end what is left, and remove the file."
        ) from error


def write_processes(path: Path, processes: Sequence[RunningProcess]) -> None:
    """Record what runs, whole or not at all."""
    with atomic_writer(path) as file:
        file.write(json.dumps([asdict(process) for process in processes], indent=2).encode())


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def _memory_bytes(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return 0
    shares_kib = [line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:")]
    return sum(int(share) for share in shares_kib) * 1024


def _collect(pid: int) -> None:
    """Take note of a child's end, so that it does not stay behind as a zombie; of others the system does."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _start_time_by_ps(pid: int) -> str | None:
    found = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return found.stdout.strip() or None
