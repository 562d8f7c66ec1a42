"""The application database of xPRO: the same business as MITx Online in older tables, with coupons."""

from collections.abc import Iterator

from ol_sandbox.business.identities import AppUser
from ol_sandbox.business.institution import Institution
from ol_sandbox.business.learning import Participation
from ol_sandbox.business.orders import DISCOUNTS_OF, Discount, Order, OrderState, dollars, transaction_id
from ol_sandbox.business.programs import Program
from ol_sandbox.business.terms import Course
from ol_sandbox.databases.accounts import EDUCATION, company, full_name, password
from ol_sandbox.databases.mitxonline import grade_row
from ol_sandbox.databases.writing import Row

type Rows = Iterator[tuple[str, Row]]

PLATFORM = "xpro"
_CONTENT_TYPES = (("courses", "courserun"), ("courses", "program"))
_PLATFORMS = ("xPRO", "Synthetic Partner")
_FIRST_USER = 20_000
_STATES = {
    OrderState.PENDING: "created",
    OrderState.CANCELED: "failed",
    OrderState.DECLINED: "failed",
    OrderState.ERRORED: "failed",
    OrderState.FULFILLED: "fulfilled",
    OrderState.REFUNDED: "refunded",
    OrderState.PARTIALLY_REFUNDED: "refunded",
}
"""xPRO knows four states only."""


def rows(institution: Institution) -> Rows:
    """Every row, table by table."""
    user_ids = {user.person.number: user.id for user in institution.users[PLATFORM]}
    order_ids = {order.participation.id: order.id for order in institution.orders[PLATFORM] if order.participation}
    for number, (app, model) in enumerate(_CONTENT_TYPES, start=1):
        yield "django_content_type", {"id": number, "app_label": app, "model": model}
    for user in institution.users[PLATFORM]:
        yield from _user(institution, user)
    yield from _catalogue(institution)
    for taken in institution.participations[PLATFORM]:
        yield from _participation(taken, user_ids[taken.account.person], order_ids.get(taken.id))
    for joined in institution.program_participations[PLATFORM]:
        made = {"created_on": joined.at, "updated_on": joined.at}
        of = {"id": joined.id, "program_id": joined.program.id, "user_id": user_ids[joined.account.person]}
        yield "courses_programenrollment", {**of, "active": True, "change_status": None, **made}
        if at := joined.certified_at:
            dates = {"created_on": at, "updated_on": at}
            yield "courses_programcertificate", {**of, "uuid": joined.certificate_uuid, "is_revoked": False, **dates}
    for discount in DISCOUNTS_OF[PLATFORM]:
        yield from _coupon(institution, discount)
    for order in institution.orders[PLATFORM]:
        yield from _order(institution, order, user_ids[order.account.person])


def _user(institution: Institution, user: AppUser) -> Rows:
    person, made = user.person, {"created_on": user.joined_at, "updated_on": user.joined_at}
    yield (
        "users_user",
        {
            "id": user.id,
            "password": password(user.id),
            "username": user.username,
            "email": user.email,
            "name": "" if user.is_retired else full_name(person, institution.registry.recipe.dirt),
            "is_active": user.is_active,
            "is_staff": False,
            "is_superuser": False,
            "last_login": user.last_login_at,
            **made,
        },
    )
    of = {"id": user.id - _FIRST_USER, "user_id": user.id, **made}
    yield (
        "users_legaladdress",
        {
            **of,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "street_address_1": f"{person.number} Synthetic Street",
            "city": person.city,
            "country": person.country,
            "state_or_territory": person.state,
            "postal_code": f"{10_000 + person.number}",
        },
    )
    yield (
        "users_profile",
        {
            **of,
            "gender": person.gender or None,
            "birth_year": person.birth_year,
            "company": company(person),
            "job_title": "Tester",
            "industry": "Testing",
            "job_function": "Testing",
            "leadership_level": "",
            "highest_education": EDUCATION[person.education],
        },
    )


def _catalogue(institution: Institution) -> Rows:
    programs = institution.programs_of(PLATFORM)
    opened = institution.terms_of(PLATFORM)[0].opens_at
    made = {"created_on": opened, "updated_on": opened}
    for number, name in enumerate(_PLATFORMS, start=1):
        yield "courses_platform", {"id": number, "name": name}
    for program in programs:
        named = {"id": program.id, "title": program.title, "readable_id": program.readable_id}
        yield "courses_program", {**named, "live": True, "is_external": False, "platform_id": 1, **made}
    seen: set[int] = set()
    for term in institution.terms_of(PLATFORM):
        if term.course.id not in seen:
            seen.add(term.course.id)
            yield "courses_course", {**_course(term.course, programs), **made}
        yield (
            "courses_courserun",
            {
                "id": term.id,
                "course_id": term.course.id,
                "title": term.run.title,
                "run_tag": term.run.offering.run,
                "courseware_id": term.course_id,
                "courseware_url_path": f"/courses/{term.course_id}/",
                "live": True,
                "start_date": term.starts_at,
                "end_date": term.ends_at,
                "enrollment_start": term.opens_at,
                "enrollment_end": term.closes_at,
                **made,
            },
        )
        yield (
            "ecommerce_product",
            {"id": term.id, "content_type_id": 1, "object_id": term.id, "is_active": True, "is_private": False, **made},
        )
        version = {"price": dollars(term.price_cents), "description": term.run.title, "text_id": term.course_id}
        of = {"id": term.id, "product_id": term.id, "requires_enrollment_code": False}
        yield "ecommerce_productversion", {**of, **version, **made}


def _course(course: Course, programs: tuple[Program, ...]) -> Row:
    """A course stands in one program at most, at a place."""
    row = {"id": course.id, "title": course.title, "readable_id": course.readable_id}
    row |= {"live": True, "is_external": False, "platform_id": 1}
    for program in programs:
        for place, member in enumerate(program.courses, start=1):
            if member.id == course.id:
                row |= {"program_id": program.id, "position_in_program": place}
    return row


def _participation(taken: Participation, user_id: int, order_id: int | None) -> Rows:
    yield (
        "courses_courserunenrollment",
        {
            "id": taken.id,
            "user_id": user_id,
            "run_id": taken.term.id,
            "order_id": order_id,
            "active": taken.is_active,
            "change_status": taken.change_status or None,
            "edx_enrolled": True,
            "created_on": taken.at,
            "updated_on": taken.at,
        },
    )
    if taken.grade is not None:
        yield "courses_courserungrade", grade_row(taken, user_id)
    if certificate := taken.certificate:
        of = {"id": taken.id, "course_run_id": taken.term.id, "user_id": user_id}
        dates = {"created_on": certificate.issued_at, "updated_on": certificate.issued_at}
        state = {"uuid": certificate.uuid, "is_revoked": certificate.is_revoked}
        yield "courses_courseruncertificate", {**of, **state, **dates}


def _coupon(institution: Institution, discount: Discount) -> Rows:
    opened = institution.terms_of(PLATFORM)[0].opens_at
    made = {"id": discount.id, "created_on": opened, "updated_on": opened}
    yield "ecommerce_couponpayment", {**made, "name": f"Synthetic campaign {discount.code}"}
    yield (
        "ecommerce_couponpaymentversion",
        {
            **made,
            "payment_id": discount.id,
            "coupon_type": "promo",
            "num_coupon_codes": 1,
            "max_redemptions": 1_000_000,
            "max_redemptions_per_user": 1_000,
            "amount": dollars(discount.amount),  # of per cent it is the share: 0.25 for 25 per cent
            "discount_type": discount.kind,
            "automatic": False,
            "payment_type": "marketing",
            "payment_transaction": "",
            "tag": "synthetic",
        },
    )
    flags = {"enabled": True, "include_future_runs": True, "is_global": True}
    yield "ecommerce_coupon", {**made, "coupon_code": discount.code, "payment_id": discount.id, **flags}
    yield "ecommerce_couponversion", {**made, "coupon_id": discount.id, "payment_version_id": discount.id}


def _order(institution: Institution, order: Order, user_id: int) -> Rows:
    made = {"created_on": order.at, "updated_on": order.payments[-1].at if order.payments else order.at}
    paid = dollars(order.paid_cents)
    taxes = {"tax_country_code": "US", "tax_rate": "0.00", "tax_rate_name": ""}
    yield (
        "ecommerce_order",
        {
            "id": order.id,
            "status": _STATES[order.state],
            "purchaser_id": user_id,
            "total_price_paid": paid,
            **taxes,
            **made,
        },
    )
    of = {"id": order.id, "order_id": order.id, **made}
    yield "ecommerce_line", {**of, "product_version_id": order.term.id, "quantity": 1}
    yield "ecommerce_linerunselection", {"id": order.id, "line_id": order.id, "run_id": order.term.id, **made}
    if order.discount:
        yield "ecommerce_couponredemption", {**of, "coupon_version_id": order.discount.id}
    if order.payments:
        data = {
            "decision": "ACCEPT",
            "transaction_id": transaction_id(institution.registry.recipe.seed, order, 0),
            "req_reference_number": order.reference,
            "req_amount": paid,
            "req_currency": "USD",
            "req_payment_method": "card",
        }
        yield "ecommerce_receipt", {**of, "data": data}
