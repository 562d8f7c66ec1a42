"""Write one large tracking log, gzipped: the sandbox's events, day after day, until there are enough of them.

    .venv/bin/python benchmarks/make_logs.py --megabytes 1000 /tmp/big.log.gz
    .venv/bin/python benchmarks/make_logs.py --megabytes 1000 --times 10 /tmp/ten.log.gz

Equal arguments give equal events. `--times` joins that many copies, for a file whose content is larger in no other way.
"""

import argparse
import gzip
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ol_sandbox.build import build
from ol_sandbox.recipe import Recipe


def logs() -> Iterator[bytes]:
    """The content of one log after another."""
    for seed in itertools.count(1):
        with tempfile.TemporaryDirectory() as folder:
            build(Recipe(seed), Path(folder))
            for path in sorted(Path(folder, "sources").glob("*-edxapp-tracking/logs/*/*.gz")):
                content = gzip.decompress(path.read_bytes())
                yield content if content.endswith(b"\n") else content + b"\n"


def main() -> None:
    """Write the file and say how large its content is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="of content, about")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("output", type=Path)
    wanted = parser.parse_args()
    size_bytes = 0
    with gzip.GzipFile(wanted.output, "wb", compresslevel=6, mtime=0) as file:
        for content in logs():
            file.write(content)
            size_bytes += len(content)
            if size_bytes >= wanted.megabytes * 1_000_000:
                break
    member = wanted.output.read_bytes()
    with wanted.output.open("ab") as file:
        for _ in range(wanted.times - 1):
            file.write(member)
    print(f"{wanted.output}: {size_bytes * wanted.times:,} bytes of content")


if __name__ == "__main__":
    main()
