"""Run a uv command for the whole workspace.

Usage: python bin/uv-operations.py sync|lock|build … [--continue-on-error]

There is one lock and one environment, so `sync`, `lock`, `tree` and the like are one operation, whatever the number of
locations. `build` alone makes something per member, and is told to take all of them. Any other argument goes to uv.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def uv_command(arguments: list[str]) -> list[str]:
    """The uv command line for what was asked; one operation leaves `--continue-on-error` nothing to continue with."""
    command, *options = [argument for argument in arguments if argument != "--continue-on-error"]
    if command == "build":
        options = ["--all-packages", *options]
    return ["uv", command, *options]


def main(arguments: list[str]) -> int:
    """Run it in the workspace's root; uv's own exit status is the result."""
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    if shutil.which("uv") is None:
        print("uv is not on PATH. Try: bin/run python bin/uv-operations.py …", file=sys.stderr)
        return 127
    return subprocess.run(uv_command(arguments), cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
