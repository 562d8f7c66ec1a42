"""What loading each code location costs against `import dagster` alone: CPU seconds, in turn, in fresh interpreters.

.venv/bin/python benchmarks/import_cost.py -n 9
"""

import argparse
import resource
import statistics
import subprocess
import sys

MODULES = ("dagster", "openedx.definitions", "edxorg.definitions", "lakehouse.definitions")


def cost_s(module: str) -> float:
    """Processor seconds of an interpreter that imports one module."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-W", "ignore", "-c", f"import {module}"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a table, one row per module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=9, help="rounds that count, after one that does not")
    rounds = [{module: cost_s(module) for module in MODULES} for _ in range(parser.parse_args().n + 1)][1:]
    print("| import | CPU s, median | ÷ dagster, median |\n|---|---|---|")
    for module in MODULES:
        seconds = statistics.median(costs[module] for costs in rounds)
        ratio = statistics.median(costs[module] / costs["dagster"] for costs in rounds)
        print(f"| `{module}` | {seconds:.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
