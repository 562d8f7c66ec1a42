"""The application database of MicroMasters: one program, learned on edX.org or on MITx Online."""

from collections.abc import Iterator

from ol_sandbox.business.identities import AppUser
from ol_sandbox.business.institution import Institution
from ol_sandbox.business.learning import Participation
from ol_sandbox.business.programs import Program
from ol_sandbox.business.terms import Term
from ol_sandbox.databases.accounts import goals, password
from ol_sandbox.databases.grades import graded_at
from ol_sandbox.databases.writing import Row
from ol_sandbox.people import Account

type Rows = Iterator[tuple[str, Row]]

APP = "micromasters"
BACKENDS = ("edxorg", "mitxonline")
_FIRST_USER = 300


def rows(institution: Institution) -> Rows:
    """Every row, table by table."""
    (program,) = institution.programs_of("edxorg")
    yield from _program(program)
    run_ids: dict[tuple[str, str], int] = {}
    for place, course in enumerate(program.courses, start=1):
        named = {"id": place, "title": course.title, "edx_key": course.readable_id, "course_number": course.number}
        in_program = {"program_id": program.id, "position_in_program": place, "should_display_progress": True}
        yield "courses_course", {**named, **in_program, "description": "A course that does not exist."}
        for term in institution.terms:
            if term.platform in BACKENDS and term.course.number == course.number:
                run_ids[term.platform, term.course_id] = len(run_ids) + 1
                yield "courses_courserun", _run(term, len(run_ids), place)
    accounts = _accounts(institution)
    for user in institution.users[APP]:
        yield from _user(institution, user, accounts.get(user.person.number, {}))
    yield from _in_program(institution, program, run_ids)


def _program(program: Program) -> Rows:
    opened = "2024-01-08 09:00:00.000000"
    yield (
        "courses_program",
        {
            "id": program.id,
            "title": program.title,
            "description": "A program that does not exist.",
            "num_required_courses": 3,
            "price": "1000.00",
            "ga_tracking_id": "",
            "live": True,
            "financial_aid_availability": True,
            "created_on": opened,
            "updated_on": opened,
        },
    )


def _run(term: Term, number: int, course: int) -> Row:
    return {
        "id": number,
        "title": term.run.title,
        "course_id": course,
        "edx_course_key": term.course_id,
        "courseware_backend": term.platform,
        "is_discontinued": False,
        "start_date": term.starts_at,
        "end_date": term.ends_at,
        "enrollment_start": term.opens_at,
        "enrollment_end": term.closes_at,
        "upgrade_deadline": term.closes_at,
    }


def _accounts(institution: Institution) -> dict[int, dict[str, Account]]:
    """Each person's accounts on the two platforms."""
    found: dict[int, dict[str, Account]] = {}
    for platform in BACKENDS:
        for account in institution.registry.accounts[platform]:
            found.setdefault(account.person, {})[platform] = account
    return found


def _user(institution: Institution, user: AppUser, accounts: dict[str, Account]) -> Rows:
    person, number = user.person, user.id - _FIRST_USER
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
            "id": number,
            "user_id": user.id,
            "student_id": 10_000 + number,
            "mail_id": person.global_id,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "preferred_name": person.first_name,
            "gender": person.gender or None,
            "date_of_birth": f"{person.birth_year}-01-01",
            "city": person.city,
            "country": person.country,
            "state_or_territory": person.state,
            "nationality": person.country,
            "birth_country": person.country,
            "address": f"{person.number} Synthetic Street",
            "postal_code": f"{10_000 + person.number}",
            "edx_level_of_education": person.education or None,
            "edx_name": person.full_name,
            "edx_goals": goals(person, institution.registry.recipe.dirt),
            "fake_user": False,
            "filled_out": True,
            "email_optin": person.number % 2 == 0,
            "account_privacy": ("public", "private", "public_to_mm")[person.number % 3],
            "date_joined_micromasters": user.joined_at,
            "verified_micromaster_user": True,
            "agreed_to_terms_of_service": True,
            "updated_on": user.joined_at,
        },
    )
    for index, (platform, account) in enumerate(accounts.items()):
        # The name of the moment somebody linked the account: a retirement since then does not reach this table.
        of = {"id": 2 * number + index, "user_id": user.id}
        yield "social_auth_usersocialauth", {**of, "provider": platform, "uid": account.username, "extra_data": "{}"}


def _in_program(institution: Institution, program: Program, run_ids: dict[tuple[str, str], int]) -> Rows:
    user_ids = {user.person.number: user.id for user in institution.users[APP]}
    joined = {p.account.person: p for p in institution.program_participations["edxorg"] if p.program is program}
    for number, (person, taken) in enumerate(joined.items(), start=1):
        if person in user_ids:
            of = {"id": number, "user_id": user_ids[person], "program_id": program.id}
            yield "dashboard_programenrollment", {**of, "share_hash": taken.certificate_uuid}
            if at := taken.certified_at:
                made = {"hash": taken.certificate_uuid, "created_on": at, "updated_on": at}
                yield "grades_micromastersprogramcertificate", {**of, **made}
    number = 0
    for platform in BACKENDS:
        for grade in institution.participations[platform]:
            run_id = run_ids.get((platform, grade.term.course_id))
            if run_id and grade.grade is not None and grade.account.person in user_ids:
                number += 1
                yield "grades_finalgrade", _grade(grade, number, run_id, user_ids[grade.account.person])


def _grade(taken: Participation, number: int, run_id: int, user_id: int) -> Row:
    at = graded_at(taken.term)
    return {
        "id": number,
        "course_run_id": run_id,
        "user_id": user_id,
        "grade": taken.grade,
        "passed": taken.is_passed,
        "status": "complete" if taken.term.is_past else "pending",
        "course_run_paid_on_edx": taken.mode == "verified",
        "created_on": at,
        "updated_on": at,
    }
