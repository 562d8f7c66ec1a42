"""Progress on standard error, for a person watching; nothing at all when nobody is."""

import sys
from collections.abc import Iterator, Sequence


def progress[T](items: Sequence[T], label: str = "Reading") -> Iterator[T]:
    """The items, with a bar on a terminal's standard error."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, label, console=Console(stderr=True), transient=True)
