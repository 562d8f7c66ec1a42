"""What a dean would ask, answered from the institution in plain Python: something independent for a mart to equal."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ol_sandbox.business.institution import Institution
from ol_sandbox.business.learning import Participation
from ol_sandbox.business.orders import Payment, dollars
from ol_sandbox.business.terms import Term

DEFINITIONS = {
    "active_learners": "per run and day (UTC): people with a username who left an accepted event in the run's logs; "
    "the same numbers as platforms.*.activity.course_days",
    "runs": "enrolled: everybody who ever enrolled; active: not unenrolled, refunded or deferred; graded: with a grade "
    "at the last grading before the first log; passed: grade >= 0.5; certificates: issued and not revoked; "
    "completion_rate = passed / enrolled, pass_rate = passed / graded, rounded to 6 digits, null when none",
    "revenue": "per platform and month (UTC) of the payment, US dollars: payments, refunds, net = payments - refunds",
    "programs": "enrolled: with a program enrolment; certificates: program certificates issued",
}


def answers(institution: Institution, course_days: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Everything a dean asks.

    Args:
        institution: What is so.
        course_days: Learners per run and day by platform, as counted from the plan of the logs.
    """
    return {
        "definitions": DEFINITIONS,
        "active_learners": [
            {"platform": name, **{key: day[key] for key in ("course_id", "day", "learners")}}
            for name, days in course_days.items()
            for day in days
        ],
        "runs": [_run(term, institution.participations[term.platform]) for term in institution.terms],
        "revenue": _revenue(institution),
        "programs": _programs(institution),
    }


def _run(term: Term, everybody: Iterable[Participation]) -> dict[str, Any]:
    taken = [participation for participation in everybody if participation.term is term]
    graded = sum(participation.grade is not None for participation in taken)
    passed = sum(participation.is_passed for participation in taken)
    return {
        "platform": term.platform,
        "course_id": term.course_id,
        "enrolled": len(taken),
        "active": sum(participation.is_active for participation in taken),
        "graded": graded,
        "passed": passed,
        "certificates": sum(bool(p.certificate and not p.certificate.is_revoked) for p in taken),
        "completion_rate": _rate(passed, len(taken)),
        "pass_rate": _rate(passed, graded),
    }


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _revenue(institution: Institution) -> list[dict[str, str]]:
    paid: Counter[tuple[str, str]] = Counter()
    refunded: Counter[tuple[str, str]] = Counter()

    def add(platform: str, payments: Iterable[Payment]) -> None:
        for payment in payments:
            (refunded if payment.is_refund else paid)[platform, f"{payment.at:%Y-%m}"] += payment.cents

    for shop, orders in institution.orders.items():
        for order in orders:
            add(shop, order.payments)
    for place in institution.places:
        add("bootcamps", place.payments)
    return [
        {
            "platform": platform,
            "month": month,
            "payments": dollars(paid[platform, month]),
            "refunds": dollars(refunded[platform, month]),
            "net": _signed(paid[platform, month] - refunded[platform, month]),
        }
        for platform, month in sorted(paid.keys() | refunded.keys())
    ]


def _signed(cents: int) -> str:
    return dollars(cents) if cents >= 0 else f"-{dollars(-cents)}"


def _programs(institution: Institution) -> list[dict[str, Any]]:
    return [
        {
            "platform": program.platform,
            "program": program.readable_id,
            "title": program.title,
            "enrolled": sum(p.program is program for p in institution.program_participations[program.platform]),
            "certificates": sum(
                p.program is program and p.certified_at is not None
                for p in institution.program_participations[program.platform]
            ),
        }
        for program in institution.programs
    ]
