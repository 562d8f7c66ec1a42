"""The shop in the application database of MITx Online: products and their versions, discounts, orders, payments."""

import json
from collections.abc import Iterator

from ol_sandbox.business.institution import Institution
from ol_sandbox.business.orders import DISCOUNTS, Order, dollars, transaction_id
from ol_sandbox.databases.writing import Row

type Rows = Iterator[tuple[str, Row]]

PLATFORM = "mitxonline"
CONTENT_TYPES = (("users", "user"), ("courses", "courserun"), ("courses", "programrun"), ("ecommerce", "product"))
_RUN_TYPE, _PRODUCT_TYPE = 2, 4
"""Places in `CONTENT_TYPES`, from 1."""


def shop_rows(institution: Institution, user_ids: dict[int, int]) -> Rows:
    """Every row of the shop, table by table.

    Args:
        institution: What is so.
        user_ids: The application's user id of each person.
    """
    yield from _products(institution)
    yield from _discounts(institution)
    redemption = 0
    for number, order in enumerate(institution.orders[PLATFORM], start=1):
        redemption += order.discount is not None
        yield from _order(institution, order, user_ids[order.account.person], number, redemption)


def _products(institution: Institution) -> Rows:
    """A product for each run, with the version of it that was sold."""
    for term in institution.terms_of(PLATFORM):
        fields = {
            "price": dollars(term.price_cents),
            "description": term.course_id,
            "is_active": True,
            "object_id": term.id,
        }
        made = {"created_on": term.opens_at, "updated_on": term.opens_at}
        yield "ecommerce_product", {"id": term.id, **fields, "content_type_id": _RUN_TYPE, **made}
        yield "reversion_revision", {"id": term.id, "date_created": term.opens_at, "comment": "synthetic"}
        version = [{"model": "ecommerce.product", "pk": term.id, "fields": {**fields, "content_type": _RUN_TYPE}}]
        yield (
            "reversion_version",
            {
                "id": term.id,
                "object_id": term.id,
                "content_type_id": _PRODUCT_TYPE,
                "revision_id": term.id,
                "format": "json",
                "db": "default",
                "object_repr": term.course_id,
                "serialized_data": json.dumps(version),
            },
        )


def _discounts(institution: Institution) -> Rows:
    opened = institution.terms_of(PLATFORM)[0].opens_at
    for discount in DISCOUNTS:
        yield (
            "ecommerce_discount",
            {
                "id": discount.id,
                "discount_code": discount.code,
                "discount_type": discount.kind,
                "amount": str(discount.amount) if discount.kind == "percent-off" else dollars(discount.amount),
                "payment_type": discount.source,
                "redemption_type": "unlimited",
                "automatic": False,
                "created_on": opened,
                "updated_on": opened,
            },
        )


def _order(institution: Institution, order: Order, user_id: int, line: int, redemption: int) -> Rows:
    made = {"created_on": order.at, "updated_on": order.payments[-1].at if order.payments else order.at}
    yield (
        "ecommerce_order",
        {
            "id": order.id,
            "state": order.state.value,
            "purchaser_id": user_id,
            "total_price_paid": dollars(order.paid_cents),
            "reference_number": order.reference,
            **made,
        },
    )
    yield (
        "ecommerce_line",
        {
            "id": line,
            "order_id": order.id,
            "product_version_id": order.term.id,
            "purchased_content_type_id": _RUN_TYPE,
            "purchased_object_id": order.term.id,
            "quantity": 1,
            **made,
        },
    )
    if order.discount:
        redeemed = {"redeemed_by_id": user_id, "redeemed_discount_id": order.discount.id, "redeemed_order_id": order.id}
        yield "ecommerce_discountredemption", {"id": redemption, "redemption_date": order.at, **redeemed}
    for index, payment in enumerate(order.payments):
        identity = transaction_id(institution.registry.recipe.seed, order, index)
        yield (
            "ecommerce_transaction",
            {
                "id": order.id * 10 + index,
                "order_id": order.id,
                "transaction_id": identity,
                "transaction_type": "refund" if payment.is_refund else "payment",
                "amount": dollars(payment.cents),
                "reason": "synthetic refund" if payment.is_refund else "",
                "data": _receipt(order, identity, payment.cents),
                "created_on": payment.at,
                "updated_on": payment.at,
            },
        )


def _receipt(order: Order, identity: str, cents: int) -> dict[str, object]:
    return {
        "decision": "ACCEPT",
        "transaction_id": identity,
        "req_reference_number": order.reference,
        "req_amount": dollars(cents),
        "req_currency": "USD",
        "req_payment_method": "card",
        "req_bill_to_email": "payer@example.edu",
    }
