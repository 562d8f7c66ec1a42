"""The application database of Bootcamps."""

from collections.abc import Iterator

from ol_sandbox.business.bootcamps import RUNS, Place
from ol_sandbox.business.identities import AppUser
from ol_sandbox.business.institution import Institution
from ol_sandbox.business.orders import dollars
from ol_sandbox.databases.accounts import EDUCATION, company, full_name, password
from ol_sandbox.databases.writing import Row

type Rows = Iterator[tuple[str, Row]]

APP = "bootcamps"
_FIRST_USER = 7_000
_CONTENT_TYPES = (("klasses", "bootcamprun"), ("applications", "quizsubmission"))


def rows(institution: Institution) -> Rows:
    """Every row, table by table."""
    for number, (app, model) in enumerate(_CONTENT_TYPES, start=1):
        yield "django_content_type", {"id": number, "app_label": app, "model": model}
    for user in institution.users[APP]:
        yield from _user(institution, user)
    for number, name in enumerate(("IDEAS", "MAKING"), start=1):
        readable_id = f"bootcamp-v1:public+SYN-{name}"
        yield "klasses_bootcamp", {"id": number, "title": f"Synthetic Bootcamp {name}", "readable_id": readable_id}
    for run in RUNS:
        yield (
            "klasses_bootcamprun",
            {
                "id": run.id,
                "bootcamp_id": run.bootcamp_id,
                "title": run.title,
                "run_key": 1000 + run.id,
                "bootcamp_run_id": run.readable_id,
                "start_date": run.starts_at,
                "end_date": run.ends_at,
                "allows_skipped_steps": False,
            },
        )
    for place in institution.places:
        yield from _place(place)


def _user(institution: Institution, user: AppUser) -> Rows:
    person, made = user.person, {"created_on": user.joined_at, "updated_on": user.joined_at}
    of = {"id": user.id - _FIRST_USER, "user_id": user.id, **made}
    yield (
        "auth_user",
        {
            "id": user.id,
            "password": password(user.id),
            "username": user.username,
            "email": user.email,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "is_active": user.is_active,
            "is_staff": False,
            "is_superuser": False,
            "date_joined": user.joined_at,
            "last_login": user.last_login_at,
        },
    )
    yield (
        "profiles_profile",
        {
            **of,
            "name": full_name(person, institution.registry.recipe.dirt),
            "gender": person.gender or None,
            "birth_year": person.birth_year,
            "company": company(person),
            "job_title": "Tester",
            "industry": "Testing",
            "job_function": "Testing",
            "highest_education": EDUCATION[person.education],
            "can_skip_application_steps": False,
        },
    )
    yield (
        "profiles_legaladdress",
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


def _place(place: Place) -> Rows:
    of = {"id": place.id, "user_id": place.user.id, "bootcamp_run_id": place.run.id}
    made = {"created_on": place.at, "updated_on": place.payments[-1].at}
    state = "refunded" if place.is_refunded else "complete"
    yield "applications_bootcampapplication", {**of, "state": state, **made}
    yield (
        "klasses_bootcamprunenrollment",
        {
            **of,
            "active": not place.is_refunded,
            "change_status": "refunded" if place.is_refunded else None,
            "user_certificate_is_blocked": False,
            **made,
        },
    )
    if at := place.certified_at:
        dates = {"created_on": at, "updated_on": at}
        identity = place.user.person.global_id
        yield "klasses_bootcampruncertificate", {**of, "uuid": identity, "is_revoked": False, **dates}
    for index in range(1, len(place.payments) + 1):
        yield from _order(place, place.id * 10 + index, index - 1)


def _order(place: Place, number: int, index: int) -> Rows:
    """An instalment is an order of its own; what is given back is an order with a negative total."""
    payment = place.payments[index]
    is_refund = payment.is_refund
    total = f"-{dollars(payment.cents)}" if is_refund else dollars(payment.cents)
    made = {"id": number, "created_on": payment.at, "updated_on": payment.at}
    yield (
        "ecommerce_order",
        {
            **made,
            "status": "refunded" if is_refund else "fulfilled",
            "total_price_paid": total,
            "user_id": place.user.id,
            "payment_type": "refund" if is_refund else "cybersource",
            "application_id": place.id,
        },
    )
    line = {"order_id": number, "bootcamp_run_id": place.run.id, "price": total, "description": place.run.title}
    yield "ecommerce_line", {**made, **line}
    if not is_refund:
        data = {"decision": "ACCEPT", "req_amount": total, "req_reference_number": f"bootcamp-synthetic-{number}"}
        yield "ecommerce_receipt", {**made, "order_id": number, "data": data}
