"""Courses and their runs: what is taught, and the tree of blocks learners walk through."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ol_sandbox import words
from ol_sandbox.randomness import hexadecimal, stream


class BlockType(StrEnum):
    """The kinds of blocks in a course."""

    COURSE = "course"
    CHAPTER = "chapter"
    SEQUENTIAL = "sequential"
    VERTICAL = "vertical"
    PROBLEM = "problem"
    VIDEO = "video"
    HTML = "html"
    DISCUSSION = "discussion"


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a course and all below it.

    Attributes:
        graded: Whether its problems count for the grade.
        duration_s: Length of a video; 0 for everything else.
    """

    type: BlockType
    url_name: str
    title: str
    graded: bool = False
    duration_s: float = 0.0
    children: tuple["Block", ...] = ()

    def walk(self) -> Iterator["Block"]:
        """This block, then everything below it, in course order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def below(self, kind: BlockType) -> tuple["Block", ...]:
        """The blocks of one type below this one, in course order."""
        return tuple(block for block in self.walk() if block.type is kind)


@dataclass(frozen=True, slots=True)
class Offering:
    """One run as it was decided by hand.

    Attributes:
        platform: Name of the platform that offers it.
        old_form: Whether its id is written ORG/NUMBER/RUN there.
        exported: Whether its archive is delivered.
        root_name: Name of the root block when it is not the run.
    """

    platform: str
    org: str
    number: str
    run: str
    starts_at: datetime
    old_form: bool = False
    exported: bool = False
    root_name: str = ""

    @property
    def course_id(self) -> str:
        """The run's id in the form this platform uses for it."""
        separator = "/" if self.old_form else "+"
        return ("" if self.old_form else "course-v1:") + separator.join((self.org, self.number, self.run))


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a course on one platform; its id alone is not unique across platforms."""

    offering: Offering
    title: str
    root: Block

    @property
    def course_id(self) -> str:
        """The run's id, verbatim."""
        return self.offering.course_id

    def usage_key(self, block: Block) -> str:
        """The key of a block of this run, in the form of the run's id."""
        at = self.offering
        if at.old_form:
            return f"i4x://{at.org}/{at.number}/{block.type}/{block.url_name}"
        return f"block-v1:{at.org}+{at.number}+{at.run}+type@{block.type}+block@{block.url_name}"


OFFERINGS = (
    Offering("mitxonline", "SynthX", "SYN.101x", "1T2026", datetime(2026, 2, 2, 14, tzinfo=UTC), exported=True),
    Offering("mitxonline", "SynthX", "SYN.204x", "1T2026", datetime(2026, 2, 9, 14, tzinfo=UTC)),
    # Studio writes the name "course" at the root far more often than the run, so the archive alone does not tell it.
    Offering(
        "xpro", "SynthPro", "PRO.7x", "R3", datetime(2026, 1, 19, 5, tzinfo=UTC), exported=True, root_name="course"
    ),
    Offering("xpro", "SynthPro", "PRO.9x", "R1", datetime(2026, 2, 16, 5, tzinfo=UTC)),
    # The same id as on mitxonline: another run all the same.
    Offering("edxorg", "SynthX", "SYN.101x", "1T2026", datetime(2026, 2, 2, 14, tzinfo=UTC)),
    Offering("edxorg", "SynthX", "SYN.330x", "3T2025", datetime(2025, 9, 8, 14, tzinfo=UTC)),
    Offering("edxorg", "SynthX", "SYN.042x", "2T2014", datetime(2014, 3, 3, 14, tzinfo=UTC), old_form=True),
)


def build_run(seed: int, offering: Offering) -> Run:
    """The run with its tree; runs with one id have one tree, whatever platform they are on."""
    chance = stream(seed, "course", offering.course_id)
    subject = chance.choice(words.SUBJECTS)
    chapters = tuple(_chapter(chance, number) for number in range(1, 5))
    title = f"{subject} ({offering.number}, synthetic)"
    name = offering.root_name or offering.run
    return Run(offering, title, Block(BlockType.COURSE, name, title, children=chapters))


def _chapter(chance: random.Random, number: int) -> Block:
    lessons = [_sequential(chance, "Lesson", graded=False) for _ in range(2)]
    homework = _sequential(chance, "Homework", graded=True)
    return _block(chance, BlockType.CHAPTER, f"Week {number}: {words.title(chance)}", children=(*lessons, homework))


def _sequential(chance: random.Random, kind: str, *, graded: bool) -> Block:
    shapes = _HOMEWORK if graded else _LESSON
    verticals = tuple(_vertical(chance, shape, graded=graded) for shape in shapes)
    title = f"{kind}: {words.title(chance)}"
    return _block(chance, BlockType.SEQUENTIAL, title, graded=graded, children=verticals)


_LESSON = (
    (BlockType.HTML, BlockType.VIDEO),
    (BlockType.VIDEO, BlockType.PROBLEM),
    (BlockType.HTML, BlockType.DISCUSSION),
)
_HOMEWORK = (
    (BlockType.PROBLEM, BlockType.PROBLEM),
    (BlockType.PROBLEM, BlockType.HTML),
)


def _vertical(chance: random.Random, shape: tuple[BlockType, ...], *, graded: bool) -> Block:
    leaves = tuple(_leaf(chance, kind, graded=graded) for kind in shape)
    return _block(chance, BlockType.VERTICAL, words.title(chance), graded=graded, children=leaves)


def _leaf(chance: random.Random, kind: BlockType, *, graded: bool) -> Block:
    duration_s = round(chance.uniform(60, 900), 2) if kind is BlockType.VIDEO else 0.0
    return _block(chance, kind, f"{kind.title()} {words.title(chance)}", graded=graded, duration_s=duration_s)


def _block(
    chance: random.Random,
    kind: BlockType,
    title: str,
    *,
    graded: bool = False,
    duration_s: float = 0.0,
    children: tuple[Block, ...] = (),
) -> Block:
    return Block(kind, hexadecimal(chance, 32), title, graded, duration_s, children)
