"""Read a course archive in this process, in turn with `igzip -dc`; print seconds, their ratio and memory.

.venv/bin/python benchmarks/course_in_process.py /tmp/course.tar.gz -n 7
"""

import argparse
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

IDLE_KIB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

from ol_orchestrate.lib.openedx.olx import extract_course  # noqa: E402 - what it takes to load is part of its memory


def seconds_of(archive: Path) -> float:
    """Wall seconds to extract all records of the archive."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        extract_course(archive, Path(folder), source_system="benchmark")
        return time.perf_counter() - started


def seconds_of_igzip(archive: Path) -> float:
    """Wall seconds to inflate it and throw the result away."""
    started = time.perf_counter()
    subprocess.run(["igzip", "-dc", archive], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("-n", type=int, default=7, help="rounds that count, after one that does not")
    wanted = parser.parse_args()
    rounds = [(seconds_of(wanted.archive), seconds_of_igzip(wanted.archive)) for _ in range(wanted.n + 1)][1:]
    ratios = sorted(ours / limit for ours, limit in rounds)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - IDLE_KIB) / 1024
    ours_s = statistics.median(ours for ours, _ in rounds)
    limit_s = statistics.median(limit for _, limit in rounds)
    print(f"{ours_s:.2f} s in process, igzip {limit_s:.2f} s; ratio min / median / max", end=" ")
    print(f"{ratios[0]:.2f} / {statistics.median(ratios):.2f} / {ratios[-1]:.2f}; {memory:.0f} MiB above idle")


if __name__ == "__main__":
    main()
