"""How much memory and how many processors this process may use, as the container says and not the machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may use."""

    memory_bytes: int
    cpu_count: int


def container_limits(*, mount: Path, membership: str, machine_memory_bytes: int, usable_cpus: int) -> Limits:
    """The tightest of what the machine has and what each enclosing control group grants; at least one processor.

    Understands cgroup v2 and v1. A file that is missing or says "no limit" limits nothing.

    Args:
        mount: Where control groups are mounted, `/sys/fs/cgroup`.
        membership: The text of `/proc/self/cgroup`.
        machine_memory_bytes: Physical memory.
        usable_cpus: Processors this process may be scheduled on (its CPU affinity).
    """
    groups = [mount, *_own_groups(mount, membership)]
    memory = [limit for group in groups if (limit := _memory_bytes(group))]
    cpus = [int(quota) for group in groups if (quota := _quota_cpus(group))]
    return Limits(min([machine_memory_bytes, *memory]), max(1, min([usable_cpus, *cpus])))


def _own_groups(mount: Path, membership: str) -> Iterator[Path]:
    """Every group from the root down to our own, of each controller; v2 has one tree, named by no controller."""
    for line in membership.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        own = PurePosixPath(group.lstrip("/"))
        if ".." in own.parts:
            continue
        for controller in controllers.split(","):
            yield from (mount / controller / ancestor for ancestor in (own, *own.parents))


def _memory_bytes(group: Path) -> int | None:
    text = _text(group / "memory.max") or _text(group / "memory.limit_in_bytes")
    return int(text) if text.isdecimal() else None


def _quota_cpus(group: Path) -> float | None:
    words = _text(group / "cpu.max").split() or [
        _text(group / "cpu.cfs_quota_us"),
        _text(group / "cpu.cfs_period_us"),
    ]
    if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]):
        return int(words[0]) / int(words[1])
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
