"""What processes take while something runs: memory of whole trees, and processor seconds. Linux only."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from compare import children_of, tree_memory_bytes

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def children() -> list[int]:
    """The processes this one has started and not yet seen the end of."""
    return children_of(os.getpid())


def cpu_s(servers: Sequence[int]) -> float:
    """Processor seconds so far of everything we have waited for, and of servers with their children."""
    own = os.times()
    total = own.children_user + own.children_system
    for pid in servers:
        for stat in (pid, *children_of(pid)):
            with contextlib.suppress(OSError):  # it has ended, and its parent counts it
                total += sum(map(int, stat_fields(stat)[11:15])) / TICKS_PER_S
    return total


def stat_fields(pid: int) -> list[str]:
    """What the system tells about a process, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


@contextlib.contextmanager
def most_memory(roots: Callable[[], Iterable[int]]) -> Iterator[list[int]]:
    """Bytes that process trees hold together, three times a second while the block runs."""
    samples, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.3):
            samples.append(sum(map(tree_memory_bytes, roots())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        ended.set()
        watcher.join()
