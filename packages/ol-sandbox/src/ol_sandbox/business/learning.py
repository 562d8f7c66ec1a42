"""Who took which term, what they solved before the first log, and the grade and certificate that came of it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ol_sandbox.business.terms import GRADED_AT, Term
from ol_sandbox.courses import Block
from ol_sandbox.people import Account
from ol_sandbox.randomness import hexadecimal, stream
from ol_sandbox.registry import Registry

PASSING = 0.5
"""The grade cut-off in every course's grading policy."""

_SHARE_OF_SEEKERS = 0.25
"""So many people are after certificates: they take most terms, pay, and work."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one graded problem before the first log.

    Attributes:
        tries: Submissions until the learner stopped, one at least.
        at: Of the last submission.
    """

    problem: Block
    at: datetime
    tries: int
    is_correct: bool


@dataclass(frozen=True, slots=True)
class Certificate:
    """A course certificate."""

    uuid: str
    issued_at: datetime
    is_revoked: bool


@dataclass(frozen=True, slots=True)
class Participation:
    """One account in one term.

    Attributes:
        id: Within the platform; in the order of enrolment.
        change_status: What ended it: empty, `unenrolled`, `refunded` or `deferred`.
        grade: Share of the graded problems solved by `GRADED_AT`; None when none was tried.
        passed_at: When the grade reached `PASSING`.
    """

    id: int
    account: Account
    term: Term
    at: datetime
    mode: str
    is_active: bool
    change_status: str
    grade: float | None
    passed_at: datetime | None
    certificate: Certificate | None

    @property
    def is_passed(self) -> bool:
        """Whether the grade is a passing one."""
        return self.passed_at is not None


def attempts(seed: int, account: Account, term: Term, enrolled_at: datetime) -> Iterator[Attempt]:
    """The graded problems a learner tried between enrolling and `GRADED_AT`, by time; the same at every call."""
    begin, end = max(enrolled_at, term.starts_at), min(term.ends_at, GRADED_AT)
    if begin >= end:
        return
    chance = stream(seed, "history", account.platform, term.course_id, account.person)
    eager = is_seeker(seed, account.person)
    diligence, ability = (0.9, 0.6 + 0.4 * chance.random()) if eager else (chance.random(), chance.random())
    tried = [problem for problem in term.graded if chance.random() < diligence]
    length_s = int((end - begin).total_seconds())
    moments = sorted(chance.randrange(length_s) for _ in tried)
    for problem, second in zip(tried, moments, strict=True):
        at = begin + timedelta(seconds=second, microseconds=chance.randrange(1_000_000))
        yield Attempt(problem, at, chance.randrange(1, 4), chance.random() < ability)


def is_seeker(seed: int, person: int) -> bool:
    """Whether somebody is after certificates."""
    return stream(seed, "seeker", person).random() < _SHARE_OF_SEEKERS


def build_participations(registry: Registry, terms: tuple[Term, ...]) -> dict[str, tuple[Participation, ...]]:
    """Everybody's terms by platform, in the order of enrolment. The current ones are those of the registry."""
    return {
        platform.name: _participations(
            registry, platform.name, [term for term in terms if term.platform == platform.name]
        )
        for platform in registry.platforms
    }


def _participations(registry: Registry, platform: str, terms: list[Term]) -> tuple[Participation, ...]:
    seed, by_id = registry.recipe.seed, {term.course_id: term for term in terms}
    current = [(e.at, e.account, by_id[e.run.course_id], e.mode) for e in registry.enrolments[platform]]
    past = [
        taken
        for account in registry.accounts[platform]
        for term in terms
        if term.is_past and (taken := _taken_before(seed, account, term))
    ]
    in_order = sorted((*current, *past), key=lambda taken: (taken[0], taken[1].person, taken[2].id))
    return tuple(_participation(seed, number, *taken) for number, taken in enumerate(in_order, start=1))


def _taken_before(seed: int, account: Account, term: Term) -> tuple[datetime, Account, Term, str] | None:
    chance = stream(seed, "past", term.platform, term.course_id, account.person)
    eager = is_seeker(seed, account.person)
    if chance.random() >= (0.9 if eager else 0.25):
        return None
    at = term.starts_at - timedelta(seconds=chance.randrange(20 * 86_400), microseconds=chance.randrange(1_000_000))
    return at, account, term, "verified" if chance.random() < (0.9 if eager else 0.3) else "audit"


def _participation(seed: int, number: int, at: datetime, account: Account, term: Term, mode: str) -> Participation:
    chance = stream(seed, "outcome", term.platform, term.course_id, account.person)
    done = list(attempts(seed, account, term, at))
    solved = [attempt for attempt in done if attempt.is_correct]
    needed = -(-len(term.graded) // 2)
    passed_at = solved[needed - 1].at if len(solved) >= needed else None
    change = (
        "" if passed_at or not term.is_past else chance.choice(("", "", "", "", "unenrolled", "refunded", "deferred"))
    )
    if change == "refunded" and mode != "verified":
        change = "unenrolled"
    return Participation(
        id=number,
        account=account,
        term=term,
        at=at,
        mode=mode,
        is_active=not change,
        change_status=change,
        grade=round(len(solved) / len(term.graded), 4) if done else None,
        passed_at=passed_at,
        certificate=_certificate(seed, account, term) if passed_at and term.is_past and mode == "verified" else None,
    )


def _certificate(seed: int, account: Account, term: Term) -> Certificate:
    chance = stream(seed, "certificate", term.platform, term.course_id, account.person)
    issued_at = term.ends_at + timedelta(days=7, seconds=chance.randrange(7200))
    return Certificate(str(uuid.UUID(hexadecimal(chance, 32))), issued_at, chance.random() < 0.05)
