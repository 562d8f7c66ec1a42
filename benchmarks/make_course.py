"""Write a large course archive: many blocks, and static files that do not compress.

    .venv/bin/python benchmarks/make_course.py --blocks 5000 --static-megabytes 500 /tmp/course.tar.gz

Equal arguments give equal files. Everything in it is made up.
"""

import argparse
import io
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

PROBLEMS_IN_A_VERTICAL = 8
VERTICALS_IN_A_CHAPTER = 10
STATIC_FILE_BYTES = 200_000


def files(blocks: int, static_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Paths and contents, the tree first and the static files last, as Studio writes them."""
    chance = random.Random(1)  # noqa: S311 - the same bytes every time
    verticals = blocks // (PROBLEMS_IN_A_VERTICAL + 1)
    chapters = range(0, verticals, VERTICALS_IN_A_CHAPTER)
    yield "course.xml", b'<course url_name="R1" org="InventedX" course="BIG.1x"/>'
    yield (
        "course/R1.xml",
        pointers("course", "chapter", (f"c{first}" for first in chapters), 'start="2026-01-01T00:00:00Z"'),
    )
    for first in chapters:
        yield f"chapter/c{first}.xml", pointers("chapter", "sequential", [f"s{first}"])
        last = min(first + VERTICALS_IN_A_CHAPTER, verticals)
        yield f"sequential/s{first}.xml", pointers("sequential", "vertical", (f"v{v}" for v in range(first, last)))
    for vertical in range(verticals):
        names = [f"p{vertical}_{number}" for number in range(PROBLEMS_IN_A_VERTICAL)]
        yield f"vertical/v{vertical}.xml", pointers("vertical", "problem", names)
        for name in names:
            text = " ".join(chance.choices(("energy", "matrix", "proof", "supply", "vector"), k=120))
            yield f"problem/{name}.xml", f'<problem display_name="{name}" weight="1"><p>{text}</p></problem>'.encode()
    for number in range(static_bytes // STATIC_FILE_BYTES):
        yield f"static/{number}.bin", chance.randbytes(STATIC_FILE_BYTES)


def pointers(tag: str, child: str, names: Iterator[str] | list[str], attributes: str = "") -> bytes:
    """A block that points to its children."""
    inside = "".join(f'<{child} url_name="{name}"/>' for name in names)
    return f'<{tag} display_name="{tag}" {attributes}>{inside}</{tag}>'.encode()


def main() -> None:
    """Write the archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=5000, help="about")
    parser.add_argument("--static-megabytes", type=int, default=500)
    parser.add_argument("output", type=Path)
    wanted = parser.parse_args()
    with tarfile.open(wanted.output, "w:gz", compresslevel=6) as archive:
        for path, content in files(wanted.blocks, wanted.static_megabytes * 1_000_000):
            member = tarfile.TarInfo(f"course/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    main()
