"""Money: what was ordered, with which discount, what was paid and what was given back. Amounts are whole cents."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ol_sandbox.business.learning import Participation
from ol_sandbox.business.terms import GRADED_AT, Term
from ol_sandbox.people import Account
from ol_sandbox.randomness import hexadecimal, stream


class OrderState(StrEnum):
    """What became of an order; platforms that know fewer states fold them."""

    PENDING = "pending"
    FULFILLED = "fulfilled"
    CANCELED = "canceled"
    DECLINED = "declined"
    ERRORED = "errored"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"


@dataclass(frozen=True, slots=True)
class Discount:
    """A discount that anybody can use.

    Attributes:
        kind: percent-off, dollars-off or fixed-price.
        amount: Per cent, or cents.
    """

    id: int
    code: str
    kind: str
    amount: int
    source: str

    def price(self, list_cents: int) -> int:
        """What is left to pay of a list price; never below nothing, never above it."""
        match self.kind:
            case "percent-off":
                return list_cents * (100 - self.amount) // 100
            case "dollars-off":
                return max(0, list_cents - self.amount)
        return min(list_cents, self.amount)


DISCOUNTS = (
    Discount(1, "SYNTH-QUARTER", "percent-off", 25, "marketing"),
    Discount(2, "SYNTH-ALL", "percent-off", 100, "staff"),
    Discount(3, "SYNTH-TWENTY", "dollars-off", 2000, "sales"),
    Discount(4, "SYNTH-FLAT", "fixed-price", 2500, "financial-assistance"),
)
DISCOUNTS_OF = {"mitxonline": DISCOUNTS, "xpro": tuple(d for d in DISCOUNTS if d.kind != "fixed-price")}
"""What each shop knows: xPRO has no fixed prices."""


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that moved, from the learner when positive in meaning, back when `is_refund`."""

    at: datetime
    cents: int
    is_refund: bool


@dataclass(frozen=True, slots=True)
class Order:
    """One order of one seat.

    Attributes:
        id: Within the platform's application.
        participation: None for an order that never led to a seat.
        paid_cents: The price after the discount.
    """

    id: int
    account: Account
    term: Term
    participation: Participation | None
    at: datetime
    state: OrderState
    discount: Discount | None
    paid_cents: int
    reference: str
    payments: tuple[Payment, ...]


def build_orders(seed: int, participations: Iterable[Participation]) -> tuple[Order, ...]:
    """The orders of one platform by time: one for each seat that was paid for, and some that came to nothing."""
    drafts = [draft for taken in participations for draft in _orders(seed, taken)]
    drafts.sort(key=lambda order: (order.at, order.account.person, order.term.id))
    return tuple(_numbered(order, number) for number, order in enumerate(drafts, start=1))


def _numbered(order: Order, number: int) -> Order:
    return replace(order, id=number, reference=f"{order.term.platform}-synthetic-{number}")


def _orders(seed: int, taken: Participation) -> Iterator[Order]:
    chance = stream(seed, "order", taken.term.platform, taken.term.course_id, taken.account.person)
    if chance.random() < 0.08:
        yield _failed(chance, taken)
    if taken.mode == "verified":
        yield _paid(chance, taken)


def _failed(chance: random.Random, taken: Participation) -> Order:
    state = chance.choice((OrderState.PENDING, OrderState.CANCELED, OrderState.DECLINED, OrderState.ERRORED))
    at = taken.at - timedelta(seconds=chance.randrange(60, 7200))
    return Order(0, taken.account, taken.term, None, at, state, None, taken.term.price_cents, "", ())


def _paid(chance: random.Random, taken: Participation) -> Order:
    """Paid minutes before the enrolment; given back a fortnight later where that is how it ended."""
    at = taken.at - timedelta(seconds=chance.randrange(30, 300))
    discount = chance.choice(DISCOUNTS_OF[taken.term.platform]) if chance.random() < 0.3 else None
    cents = discount.price(taken.term.price_cents) if discount else taken.term.price_cents
    payments = [Payment(at, cents, is_refund=False)] if cents else []
    state = OrderState.FULFILLED
    if taken.change_status == "refunded":
        state = OrderState.REFUNDED
        payments += [Payment(at + timedelta(days=14), cents, is_refund=True)] if cents else []
    elif taken.term.platform == "mitxonline" and cents and taken.term.is_past and chance.random() < 0.03:
        state = OrderState.PARTIALLY_REFUNDED
        payments.append(Payment(min(at + timedelta(days=20), GRADED_AT), cents // 2, is_refund=True))
    return Order(0, taken.account, taken.term, taken, at, state, discount, cents, "", tuple(payments))


def transaction_id(seed: int, order: Order, index: int) -> str:
    """The payment processor's id of one payment of an order."""
    return hexadecimal(stream(seed, "transaction", order.reference, index), 24)


def dollars(cents: int) -> str:
    """Cents as an exact decimal text with two digits."""
    return f"{cents // 100}.{cents % 100:02d}"
