"""Bootcamps: applied for, paid in instalments, held somewhere else than on a learning site."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ol_sandbox.business.identities import AppUser
from ol_sandbox.business.orders import Payment
from ol_sandbox.randomness import stream

PRICE_CENTS = 650_000


@dataclass(frozen=True, slots=True)
class BootcampRun:
    """One bootcamp run."""

    id: int
    bootcamp_id: int
    title: str
    readable_id: str
    starts_at: datetime
    ends_at: datetime


RUNS = tuple(
    BootcampRun(
        number, bootcamp, f"Synthetic Bootcamp {name}, {term}", f"bootcamp-v1:public+SYN-{name}+{term}", at, at + length
    )
    for number, (bootcamp, name, term, at, length) in enumerate(
        (
            (1, "IDEAS", "R1", datetime(2025, 7, 7, 13, tzinfo=UTC), timedelta(days=5)),
            (1, "IDEAS", "R2", datetime(2026, 7, 6, 13, tzinfo=UTC), timedelta(days=5)),
            (2, "MAKING", "R1", datetime(2025, 10, 6, 13, tzinfo=UTC), timedelta(days=70)),
        ),
        start=1,
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """One user's place in a bootcamp run.

    Attributes:
        payments: Instalments by time; a refund, if any, is last and gives everything back.
        certified_at: When the certificate was made; None without one.
    """

    id: int
    user: AppUser
    run: BootcampRun
    at: datetime
    payments: tuple[Payment, ...]
    certified_at: datetime | None

    @property
    def is_refunded(self) -> bool:
        """Whether the money went back and the place with it."""
        return self.payments[-1].is_refund


def build_places(seed: int, users: Iterable[AppUser]) -> tuple[Place, ...]:
    """Half of the users have a place, in one run each."""
    chosen = [user for user in users if stream(seed, "bootcamp", user.id).random() < 0.5]
    return tuple(_place(seed, number, user) for number, user in enumerate(chosen, start=1))


def _place(seed: int, number: int, user: AppUser) -> Place:
    chance = stream(seed, "bootcamp place", user.id)
    run = chance.choice(RUNS)
    at = max(run.starts_at - timedelta(days=chance.randrange(150, 200)), user.joined_at) + timedelta(hours=1)
    half = PRICE_CENTS // 2
    payments = [
        Payment(at, half, is_refund=False),
        Payment(at + timedelta(days=9), PRICE_CENTS - half, is_refund=False),
    ]
    is_refunded = chance.random() < 0.15
    if is_refunded:
        payments.append(Payment(at + timedelta(days=16), PRICE_CENTS, is_refund=True))
    is_over = run.ends_at < datetime(2026, 1, 1, tzinfo=UTC)
    certified_at = run.ends_at + timedelta(days=3) if is_over and not is_refunded else None
    return Place(number, user, run, at, tuple(payments), certified_at)
