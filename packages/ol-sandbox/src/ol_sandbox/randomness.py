"""Independent streams of chance, so that a change in one concern never shifts another."""

import random
from collections.abc import Sequence


def stream(seed: int, *concern: object) -> random.Random:
    """A generator that depends only on the seed and the name of the concern, on any machine and in any order of use."""
    return random.Random("/".join(str(part) for part in (seed, *concern)))  # noqa: S311 - a play, not a secret


def hexadecimal(chance: random.Random, digits: int) -> str:
    """That many lower-case hexadecimal digits."""
    return f"{chance.getrandbits(4 * digits):0{digits}x}"


def rounded(chance: random.Random, expected: float) -> int:
    """A whole number whose average is `expected`."""
    whole = int(expected)
    return whole + (chance.random() < expected - whole)


def take[T](chance: random.Random, items: Sequence[T], count: int) -> list[T]:
    """Up to `count` different items, in their own order."""
    chosen = sorted(chance.sample(range(len(items)), min(count, len(items))))
    return [items[index] for index in chosen]
