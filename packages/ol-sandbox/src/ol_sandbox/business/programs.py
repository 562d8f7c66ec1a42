"""Programs: trees of requirements, who is enrolled, and who has met them."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ol_sandbox.business.learning import Participation
from ol_sandbox.business.terms import Course, Term
from ol_sandbox.people import Account
from ol_sandbox.randomness import hexadecimal, stream


@dataclass(frozen=True, slots=True)
class Requirement:
    """One node of a tree of requirements: a course, another program, or an operator over its children.

    Attributes:
        needed: How many children an operator wants; None means all of them.
    """

    title: str
    course: Course | None = None
    program: "Program | None" = None
    needed: int | None = None
    children: tuple["Requirement", ...] = ()

    def courses(self) -> Iterator[Course]:
        """The courses below, those of required programs too."""
        if self.course:
            yield self.course
        if self.program:
            yield from self.program.courses
        for child in self.children:
            yield from child.courses()

    def is_met(self, earned: set[int]) -> bool:
        """Whether certificates in the courses of these ids are enough."""
        if self.course:
            return self.course.id in earned
        if self.program:
            return self.program.root.is_met(earned)
        met = sum(child.is_met(earned) for child in self.children)
        return met >= (len(self.children) if self.needed is None else self.needed)


@dataclass(frozen=True, slots=True)
class Program:
    """A program on one platform.

    Attributes:
        id: Within the platform's application.
        uuid: As the partner's reports name it.
    """

    id: int
    platform: str
    readable_id: str
    title: str
    kind: str
    uuid: str
    root: Requirement

    @property
    def courses(self) -> tuple[Course, ...]:
        """Every course that can count, once, in the order of the tree."""
        return tuple({course.id: course for course in self.root.courses()}.values())


@dataclass(frozen=True, slots=True)
class ProgramParticipation:
    """One account in one program.

    Attributes:
        certified_at: When the last requirement was met; None until then.
    """

    id: int
    account: Account
    program: Program
    at: datetime
    certificate_uuid: str
    certified_at: datetime | None


_PLANS = (
    ("mitxonline", "SynthX", "SYN.INTRO", "Certificate", (("SYN.101x",), (), 0)),
    ("mitxonline", "SynthX", "SYN.CORE", "MicroMasters®", (("SYN.101x", "SYN.204x"), ("SYN.300x", "SYN.301x"), 1)),
    ("xpro", "SynthPro", "PRO.SUITE", "Professional", (("PRO.7x", "PRO.9x"), (), 0)),
    ("edxorg", "SynthX", "SYN.MM", "MicroMasters", (("SYN.101x", "SYN.204x"), ("SYN.330x", "SYN.042x"), 1)),
)
"""Platform, organisation, id, kind, and the numbers of the core courses, the electives, and how many of those."""


def build_programs(seed: int, terms: Iterable[Term]) -> tuple[Program, ...]:
    """The programs of the platforms that have their courses, and one that is made of another and a course."""
    courses = {(term.platform, term.course.number): term.course for term in terms}
    programs: list[Program] = []
    for platform, org, name, kind, (core, electives, needed) in _PLANS:
        if (platform, core[0]) in courses:
            number = 1 + sum(program.platform == platform for program in programs)
            root = _root([courses[platform, c] for c in core], [courses[platform, c] for c in electives], needed)
            programs.append(_program(seed, number, platform, org, name, kind, root))
    intro = programs[0]
    both = (Requirement("", program=intro), Requirement("", course=courses["mitxonline", "SYN.204x"]))
    root = Requirement("root", children=(Requirement("Both", children=both),))
    programs.append(_program(seed, 3, "mitxonline", "SynthX", "SYN.MASTER", "XSeries", root))
    return tuple(programs)


def _root(core: list[Course], electives: list[Course], needed: int) -> Requirement:
    operators = [Requirement("Core courses", children=tuple(Requirement("", course=course) for course in core))]
    if electives:
        options = tuple(Requirement("", course=course) for course in electives)
        operators.append(Requirement("Electives", needed=needed, children=options))
    return Requirement("root", children=tuple(operators))


def _program(seed: int, number: int, platform: str, org: str, name: str, kind: str, root: Requirement) -> Program:
    identity = str(uuid.UUID(hexadecimal(stream(seed, "program", platform, name), 32)))
    title = f"Synthetic Program {name}"
    return Program(number, platform, f"program-v1:{org}+{name}", title, kind, identity, root)


def program_participations(
    seed: int, program: Program, participations: Iterable[Participation], first_id: int
) -> Iterator[ProgramParticipation]:
    """Those who took one of its courses for money, in the order of their first course; ids count on from `first_id`."""
    wanted = {course.id for course in program.courses}
    by_person: dict[int, list[Participation]] = {}
    for taken in participations:
        if taken.term.course.id in wanted and taken.mode == "verified":
            by_person.setdefault(taken.account.person, []).append(taken)
    for number, (person, terms) in enumerate(by_person.items(), start=first_id):
        chance = stream(seed, "program certificate", program.platform, program.id, person)
        held = [t for t in terms if t.certificate and not t.certificate.is_revoked]
        is_met = program.root.is_met({taken.term.course.id for taken in held})
        last = max((t.certificate.issued_at for t in held if t.certificate), default=None)
        certified_at = last + timedelta(days=1) if is_met and last else None
        identity = str(uuid.UUID(hexadecimal(chance, 32)))
        yield ProgramParticipation(number, terms[0].account, program, terms[0].at, identity, certified_at)
