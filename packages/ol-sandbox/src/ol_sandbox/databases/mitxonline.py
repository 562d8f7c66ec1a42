"""The application database of MITx Online."""

from collections.abc import Iterator
from datetime import timedelta

from ol_sandbox.business.identities import AppUser
from ol_sandbox.business.institution import Institution
from ol_sandbox.business.learning import Participation
from ol_sandbox.business.programs import Program, ProgramParticipation, Requirement
from ol_sandbox.business.terms import Term
from ol_sandbox.databases.accounts import EDUCATION, company, full_name, password
from ol_sandbox.databases.grades import graded_at, mode_of
from ol_sandbox.databases.mitxonline_shop import CONTENT_TYPES, shop_rows
from ol_sandbox.databases.writing import Row

type Rows = Iterator[tuple[str, Row]]

PLATFORM = "mitxonline"
_DEPARTMENTS = ("Synthetic Mathematics", "Imaginary Engineering")


def rows(institution: Institution) -> Rows:
    """Every row, table by table."""
    user_ids = {user.person.number: user.id for user in institution.users[PLATFORM]}
    for number, (app, model) in enumerate(CONTENT_TYPES, start=1):
        yield "django_content_type", {"id": number, "app_label": app, "model": model}
    for user in institution.users[PLATFORM]:
        yield from _user(institution, user)
    yield from _catalogue(institution)
    for taken in institution.participations[PLATFORM]:
        yield from _participation(taken, user_ids[taken.account.person])
    for program in institution.programs_of(PLATFORM):
        yield from _program(program)
    for joined in institution.program_participations[PLATFORM]:
        yield from _in_program(joined, user_ids[joined.account.person])
    yield from shop_rows(institution, user_ids)


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
            "global_id": person.global_id,
            "scim_id": person.global_id,
            "scim_username": user.username,
            "scim_external_id": person.global_id,
            **made,
        },
    )
    of = {"id": user.id - 1000, "user_id": user.id}
    yield "users_legaladdress", {**of, "country": person.country, "state": person.state, **made}
    yield (
        "users_userprofile",
        {
            **of,
            "gender": person.gender or None,
            "year_of_birth": person.birth_year,
            "highest_education": EDUCATION[person.education],
            "company": company(person),
            "type_is_student": person.number % 3 == 0,
            "type_is_professional": person.number % 3 == 1,
            **made,
        },
    )
    if user.account is not None:
        yield (
            "openedx_openedxuser",
            {
                **of,
                "platform": "edx",
                "edx_username": user.username,
                "desired_edx_username": user.username,
                "has_been_synced": True,
                **made,
            },
        )


def _catalogue(institution: Institution) -> Rows:
    for number, name in enumerate(_DEPARTMENTS, start=1):
        opened = institution.terms_of(PLATFORM)[0].opens_at
        yield "courses_department", {"id": number, "name": name, "created_on": opened, "updated_on": opened}
    seen: set[int] = set()
    for term in institution.terms_of(PLATFORM):
        course, made = term.course, {"created_on": term.opens_at, "updated_on": term.starts_at}
        if course.id not in seen:
            seen.add(course.id)
            named = {"id": course.id, "title": course.title, "readable_id": course.readable_id}
            yield "courses_course", {**named, "live": True, **made}
            department = 1 + course.id % len(_DEPARTMENTS)
            of = {"id": course.id, "course_id": course.id}
            yield "courses_course_departments", {**of, "department_id": department}
        yield "courses_courserun", {**_courserun(term), **made}


def _courserun(term: Term) -> Row:
    return {
        "id": term.id,
        "course_id": term.course.id,
        "title": term.run.title,
        "run_tag": term.run.offering.run,
        "courseware_id": term.course_id,
        "courseware_url_path": f"/courses/{term.course_id}/",
        "has_courseware_url": True,
        "live": True,
        "is_self_paced": False,
        "start_date": term.starts_at,
        "end_date": term.ends_at,
        "enrollment_start": term.opens_at,
        "enrollment_end": term.closes_at,
        "upgrade_deadline": term.closes_at,
        "certificate_available_date": term.ends_at + timedelta(days=7),
    }


def _participation(taken: Participation, user_id: int) -> Rows:
    made = {"created_on": taken.at, "updated_on": taken.at}
    yield (
        "courses_courserunenrollment",
        {
            "id": taken.id,
            "user_id": user_id,
            "run_id": taken.term.id,
            "enrollment_mode": mode_of(taken),
            "active": taken.is_active,
            "change_status": taken.change_status or None,
            "edx_enrolled": True,
            "edx_emails_subscription": True,
            **made,
        },
    )
    if taken.grade is not None:
        yield "courses_courserungrade", grade_row(taken, user_id)
    if certificate := taken.certificate:
        yield (
            "courses_courseruncertificate",
            {
                "id": taken.id,
                "uuid": certificate.uuid,
                "course_run_id": taken.term.id,
                "user_id": user_id,
                "is_revoked": certificate.is_revoked,
                "issue_date": certificate.issued_at,
                "created_on": certificate.issued_at,
                "updated_on": certificate.issued_at,
            },
        )


def grade_row(taken: Participation, user_id: int) -> Row:
    """A course run grade, in the columns that MITx Online and xPRO share."""
    at = graded_at(taken.term)
    return {
        "id": taken.id,
        "course_run_id": taken.term.id,
        "user_id": user_id,
        "grade": taken.grade,
        "letter_grade": "Pass" if taken.is_passed else "",
        "passed": taken.is_passed,
        "set_by_admin": False,
        "created_on": at,
        "updated_on": at,
    }


def _program(program: Program) -> Rows:
    opened = {"created_on": "2024-01-08 09:00:00.000000", "updated_on": "2024-01-08 09:00:00.000000"}
    yield (
        "courses_program",
        {
            "id": program.id,
            "title": program.title,
            "readable_id": program.readable_id,
            "program_type": program.kind,
            "availability": "anytime",
            "live": True,
            **opened,
        },
    )
    for index, (path, node) in enumerate(_nodes(program.root, f"{program.id:04d}")):
        yield "courses_programrequirement", {"id": program.id * 1000 + index, **_requirement(program, path, node)}


def _nodes(node: Requirement, path: str) -> Iterator[tuple[str, Requirement]]:
    """The nodes of a tree, parents first, each with its materialised path of four digits a level."""
    yield path, node
    for place, child in enumerate(node.children, start=1):
        yield from _nodes(child, f"{path}{place:04d}")


def _requirement(program: Program, path: str, node: Requirement) -> Row:
    depth = len(path) // 4
    if node.course:
        kind = "course"
    elif node.program:
        kind = "program"
    else:
        kind = "program_root" if depth == 1 else "operator"
    is_operator = kind == "operator"
    return {
        "program_id": program.id,
        "course_id": node.course.id if node.course else None,
        "node_type": kind,
        "path": path,
        "depth": depth,
        "numchild": len(node.children),
        "title": node.title if is_operator else None,
        "operator": ("all_of" if node.needed is None else "min_number_of") if is_operator else None,
        "operator_value": str(node.needed) if is_operator and node.needed is not None else None,
    }


def _in_program(joined: ProgramParticipation, user_id: int) -> Rows:
    of = {"id": joined.id, "program_id": joined.program.id, "user_id": user_id}
    made = {"created_on": joined.at, "updated_on": joined.at}
    yield "courses_programenrollment", {**of, "active": True, "enrollment_mode": "verified", **made}
    if at := joined.certified_at:
        dates = {"created_on": at, "updated_on": at, "issue_date": at.date()}
        yield "courses_programcertificate", {**of, "uuid": joined.certificate_uuid, "is_revoked": False, **dates}
