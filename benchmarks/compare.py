"""Run commands in turn, several rounds, and print seconds, memory and the ratio to the last one.

    .venv/bin/python benchmarks/compare.py -n 5 ours='olp logs normalize …' limit='igzip -dc …'

Every round runs each command once, so a machine that slows down slows all of them down. `{new}` in a command is an
empty folder of that run. Memory is that of the whole process tree, sampled every 20 ms, shared pages counted for each
process. Linux only.
"""

import argparse
import resource
import shlex
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PAGE_BYTES = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Run:
    """Of one command: wall and processor seconds, and the most memory its processes held together."""

    wall_s: float
    cpu_s: float
    memory_bytes: int


def tree_memory_bytes(root: int) -> int:
    """Resident bytes of a process and its descendants."""
    try:
        own = int(Path(f"/proc/{root}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):  # it has ended
        return 0
    return own + sum(map(tree_memory_bytes, children_of(root)))


def children_of(parent: int) -> list[int]:
    """The direct children of a process; none when it has ended.

    Reads only what is its own, not all of /proc: on two busy processors that took a tenth of the time that was being
    measured.
    """
    try:
        tasks = [(task / "children").read_text().split() for task in Path(f"/proc/{parent}/task").iterdir()]
    except OSError:
        return []
    return [int(child) for children in tasks for child in children]


def run(command: str) -> Run:
    """Run a command in an empty folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        process = subprocess.Popen(
            shlex.split(command.replace("{new}", folder)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        most, ended = [0], threading.Event()

        def watch() -> None:
            while not ended.wait(0.02):
                most[0] = max(most[0], tree_memory_bytes(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        code = process.wait()
        wall_s = time.perf_counter() - started
        ended.set()
        watcher.join()
        if code:
            raise SystemExit(f"{command} ended with code {code}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Run(wall_s, cpu_s, most[0])


def main() -> None:
    """Print a table, one row per command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=5, help="rounds that count, after one that does not")
    parser.add_argument("commands", nargs="+", metavar="NAME=COMMAND")
    wanted = parser.parse_args()
    commands = dict(text.split("=", 1) for text in wanted.commands)
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(wanted.n + 1):
        for name, command in commands.items():
            done = run(command)
            if number:
                runs[name].append(done)
    limit = list(runs.values())[-1]
    print("| what | wall s, min / median / max | CPU s | memory MiB | wall ÷ last |\n|---|---|---|---|---|")
    for name, done in runs.items():
        walls = sorted(one.wall_s for one in done)
        ratio = statistics.median(one.wall_s / other.wall_s for one, other in zip(done, limit, strict=True))
        cpu_s = statistics.median(one.cpu_s for one in done)
        memory = max(one.memory_bytes for one in done) / 2**20
        median = statistics.median(walls)
        print(
            f"| {name} | {walls[0]:.2f} / {median:.2f} / {walls[-1]:.2f} | {cpu_s:.2f} | {memory:.0f} | {ratio:.2f} |"
        )


if __name__ == "__main__":
    main()
