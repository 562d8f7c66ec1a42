"""Courses and their terms as the applications list them: numbered, dated, priced."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ol_sandbox.courses import Block, BlockType, Offering, Run, build_run
from ol_sandbox.offerings import past_offerings
from ol_sandbox.randomness import stream
from ol_sandbox.registry import Registry

GRADED_AT = datetime(2026, 2, 28, 6, tzinfo=UTC)
"""The night of the last grading before the first log: grades and certificates are those of this moment."""

_CURRENT_ENDS_AT = datetime(2026, 6, 1, tzinfo=UTC)
_LENGTH = timedelta(weeks=14)
_PRICES_CENTS = {
    "mitxonline": (4900, 9900, 14900),
    "xpro": (59900, 99900, 245000),
    "edxorg": (4900, 9900),
    "mitx": (0,),
}


@dataclass(frozen=True, slots=True)
class Course:
    """A course on one platform, whatever its runs.

    Attributes:
        id: Within the platform's application.
    """

    id: int
    platform: str
    org: str
    number: str
    title: str
    old_form: bool

    @property
    def readable_id(self) -> str:
        """The id people use: that of a run without the run."""
        return f"{self.org}/{self.number}" if self.old_form else f"course-v1:{self.org}+{self.number}"


@dataclass(frozen=True, slots=True)
class Term:
    """One run of a course with what the applications know of it.

    Attributes:
        id: Within the platform's application.
        is_past: Whether it was over before the first log; certificates come from these.
        price_cents: Of a verified seat, US dollars.
        sections: The graded sections in course order: key, and the problems in each.
    """

    id: int
    course: Course
    run: Run
    starts_at: datetime
    ends_at: datetime
    is_past: bool
    price_cents: int
    sections: tuple[tuple[str, tuple[Block, ...]], ...]

    @property
    def graded(self) -> tuple[Block, ...]:
        """The blocks that count for the grade, in course order."""
        return tuple(problem for _, problems in self.sections for problem in problems)

    @property
    def course_id(self) -> str:
        """The run's id, verbatim."""
        return self.run.course_id

    @property
    def platform(self) -> str:
        """Name of the platform."""
        return self.course.platform

    @property
    def opens_at(self) -> datetime:
        """When enrolment opens."""
        return self.starts_at - timedelta(days=91)

    @property
    def closes_at(self) -> datetime:
        """When enrolment and the sale of certificates close."""
        return self.ends_at - timedelta(days=14)


def build_terms(registry: Registry) -> tuple[Term, ...]:
    """Every term of every platform, the current ones and those that are over, numbered by platform."""
    terms: list[Term] = []
    for platform in registry.platforms:
        past = (build_run(registry.recipe.seed, o) for o in past_offerings((platform.name,)))
        terms.extend(_platform_terms(registry.recipe.seed, [*registry.runs[platform.name], *past]))
    return tuple(terms)


def edge_term(seed: int) -> Term:
    """The run that is tried out on edge, edX.org's other site."""
    offering = Offering("edxorg", "SynthX", "SYN.900x", "TRY1", datetime(2026, 1, 5, 14, tzinfo=UTC))
    run = build_run(seed, offering)
    return _term(seed, 1, Course(1, "edxorg", "SynthX", "SYN.900x", run.title, old_form=False), run)


def _platform_terms(seed: int, runs: Iterable[Run]) -> list[Term]:
    courses: dict[tuple[str, str, bool], Course] = {}
    terms: list[Term] = []
    for run in sorted(runs, key=lambda run: (run.offering.starts_at, run.course_id)):
        at = run.offering
        key = (at.org, at.number, at.old_form)
        if key not in courses:
            courses[key] = Course(len(courses) + 1, at.platform, at.org, at.number, run.title, at.old_form)
        terms.append(_term(seed, len(terms) + 1, courses[key], run))
    return terms


def _term(seed: int, number: int, course: Course, run: Run) -> Term:
    offering = run.offering
    is_past = offering in past_offerings((offering.platform,))
    return Term(
        id=number,
        course=course,
        run=run,
        starts_at=offering.starts_at,
        ends_at=offering.starts_at + _LENGTH if is_past else _CURRENT_ENDS_AT,
        is_past=is_past,
        price_cents=_price(seed, offering),
        sections=tuple(
            (run.usage_key(section), section.below(BlockType.PROBLEM))
            for section in run.root.below(BlockType.SEQUENTIAL)
            if section.graded
        ),
    )


def _price(seed: int, offering: Offering) -> int:
    return stream(seed, "price", offering.platform, offering.course_id).choice(_PRICES_CENTS[offering.platform])
