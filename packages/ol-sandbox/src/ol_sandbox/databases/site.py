"""The static tables of one Open edX site: accounts, enrolments, grades, certificates, roles, videos."""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator

from ol_sandbox.business.identities import last_login_at, retired_email, retired_persons, retired_username
from ol_sandbox.business.institution import Institution
from ol_sandbox.business.terms import Term
from ol_sandbox.courses import BlockType
from ol_sandbox.databases.accounts import full_name, goals, password
from ol_sandbox.databases.grades import certificate_row, grade_row, mode_of, subsection_rows, visible_blocks
from ol_sandbox.databases.writing import Row
from ol_sandbox.people import Account

type Rows = Iterator[tuple[str, Row]]


def site_rows(institution: Institution, platform: str) -> Rows:
    """Every row that does not depend on behaviour in the logs, table by table."""
    yield from _accounts(institution, platform)
    yield from _enrolments(institution, platform)
    yield from _grades(institution, platform)
    yield from _subsections(institution, platform)
    for term in institution.terms_of(platform):
        yield from _overview(term)
    yield from _videos(institution, platform)
    yield from _roles(institution, platform)


def public_names(institution: Institution, platform: str) -> Callable[[Account], tuple[str, str]]:
    """A function that tells an account's username and e-mail as the databases hold them now."""
    retired = retired_persons(institution.registry, platform)

    def names(account: Account) -> tuple[str, str]:
        if account.person in retired:
            return retired_username(account.username), retired_email(account.email)
        return account.username, account.email

    return names


def anonymous_id(account: Account, course_id: str) -> str:
    """The id a course knows somebody by."""
    return hashlib.md5(f"{account.username}/{course_id}".encode(), usedforsecurity=False).hexdigest()


def _accounts(institution: Institution, platform: str) -> Rows:
    registry, names = institution.registry, public_names(institution, platform)
    retired = retired_persons(registry, platform)
    for number, account in enumerate(registry.accounts[platform], start=1):
        username, email = names(account)
        person, joined = institution.persons[account.person], institution.joined[platform][account.person]
        is_staff = number <= 2
        yield (
            "auth_user",
            {
                "id": account.user_id,
                "username": username,
                "password": password(account.user_id),
                "first_name": "" if account.person in retired else person.first_name,
                "last_name": "" if account.person in retired else person.last_name,
                "email": email,
                "is_active": account.person not in retired,
                "is_staff": is_staff,
                "is_superuser": False,
                "date_joined": joined,
                "last_login": last_login_at(registry.recipe.seed, account, joined),
            },
        )
        yield "auth_userprofile", _profile(institution, number, account)


def _profile(institution: Institution, number: int, account: Account) -> Row:
    person, dirt = institution.persons[account.person], institution.registry.recipe.dirt
    return {
        "id": number,
        "user_id": account.user_id,
        "name": full_name(person, dirt),
        "language": account.language.partition(",")[0],
        "location": person.city,
        "meta": json.dumps({"synthetic": True}),
        "courseware": "course.xml",
        "gender": person.gender or None,
        "year_of_birth": person.birth_year,
        "level_of_education": person.education or None,
        "goals": goals(person, dirt),
        "country": person.country,
        "state": person.state,
        "city": person.city,
        "bio": "An invented person.",
        "mailing_address": None,
    }


def _enrolments(institution: Institution, platform: str) -> Rows:
    for taken in institution.participations[platform]:
        of = {"id": taken.id, "user_id": taken.account.user_id, "course_id": taken.term.course_id}
        yield (
            "student_courseenrollment",
            {**of, "created": taken.at, "is_active": taken.is_active, "mode": mode_of(taken)},
        )
        yield (
            "student_anonymoususerid",
            {**of, "anonymous_user_id": anonymous_id(taken.account, taken.term.course_id)},
        )


def _grades(institution: Institution, platform: str) -> Rows:
    for taken in institution.participations[platform]:
        if taken.grade is not None:
            yield "grades_persistentcoursegrade", grade_row(taken)
            yield "certificates_generatedcertificate", certificate_row(institution, taken)


def _subsections(institution: Institution, platform: str) -> Rows:
    number = 0
    for term in institution.terms_of(platform):
        for index, (_, problems) in enumerate(term.sections):
            text, digest = visible_blocks(term, problems)
            row = {"course_id": term.course_id, "hashed": digest, "blocks_json": text}
            yield "grades_visibleblocks", {"id": term.id * 100 + index, **row}
    for taken in institution.participations[platform]:
        for grade in subsection_rows(institution.registry.recipe.seed, taken):
            number += 1
            yield "grades_persistentsubsectiongrade", {"id": number, **grade}


def _overview(term: Term) -> Rows:
    yield (
        "course_overviews_courseoverview",
        {
            "id": term.course_id,
            "display_name": term.run.title,
            "org": term.course.org,
            "display_org_with_default": term.course.org,
            "display_number_with_default": term.course.number,
            "self_paced": False,
            "start": term.starts_at,
            "end": term.ends_at,
            "start_date": term.starts_at,
            "end_date": term.ends_at,
            "enrollment_start": term.opens_at,
            "enrollment_end": term.closes_at,
            "lowest_passing_grade": 0.5,
            "eligible_for_financial_aid": True,
            "has_any_active_web_certificate": True,
            "cert_html_view_enabled": True,
            "visible_to_staff_only": False,
            "invitation_only": False,
            "language": "en",
            "created": term.opens_at,
            "modified": term.starts_at,
        },
    )


def _videos(institution: Institution, platform: str) -> Rows:
    """A video belongs to a run; runs of one id on other platforms have their own copies."""
    number = 0
    for term in institution.terms_of(platform):
        for video in term.run.root.below(BlockType.VIDEO):
            number += 1
            yield (
                "edxval_video",
                {
                    "id": number,
                    "edx_video_id": str(uuid.UUID(video.url_name)),
                    "client_video_id": f"{video.url_name}.mp4",
                    "status": "file_complete",
                    "duration": round(video.duration_s),
                    "created": term.opens_at,
                },
            )
            of = {"id": number, "course_id": term.course_id, "video_id": number}
            yield "edxval_coursevideo", {**of, "is_hidden": False}


def _roles(institution: Institution, platform: str) -> Rows:
    """One of staff and one instructor for each term, and the forum's roles."""
    accounts, terms = institution.registry.accounts[platform], institution.terms_of(platform)
    for place, term in enumerate(terms):
        for index, (role, forum_role) in enumerate((("staff", "Moderator"), ("instructor", "Administrator")), start=1):
            number = 2 * place + index
            user_id = staff_of(accounts, term, index).user_id
            of = {"id": number, "user_id": user_id, "course_id": term.course_id}
            yield "student_courseaccessrole", {**of, "org": term.course.org, "role": role}
            yield "django_comment_client_role", {"id": number, "course_id": term.course_id, "name": forum_role}
            yield "django_comment_client_role_users", {"id": number, "role_id": number, "user_id": user_id}


def staff_of(accounts: Iterable[Account], term: Term, index: int) -> Account:
    """Who has a role in a term: somebody from the list of accounts, the same every time."""
    everybody = tuple(accounts)
    return everybody[(term.id * 7 + index) % len(everybody)]
