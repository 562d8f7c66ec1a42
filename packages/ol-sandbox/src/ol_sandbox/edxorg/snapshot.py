"""One course run as a package sees it: who is in it, and the rows of every table."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from ol_sandbox import words
from ol_sandbox.business.identities import last_login_at
from ol_sandbox.business.institution import Institution
from ol_sandbox.business.learning import Participation
from ol_sandbox.business.terms import Term
from ol_sandbox.databases.accounts import full_name, password
from ol_sandbox.databases.grades import certificate_row, grade_row, subsection_rows
from ol_sandbox.databases.site import anonymous_id, public_names, staff_of
from ol_sandbox.dirt import DirtKind
from ol_sandbox.people import Account

type Row = Mapping[str, object]

SPECIALS = 'tab\there, "quotes", a back\\slash, C:\\temp\\new\r\nand a second line with \\n in it'
"""A text with everything that a table has to escape, and what must not be unescaped twice."""

_LANGUAGES = ("en", "es", "zh", "pt")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run on one of edX.org's two sites at the moment of a package.

    Attributes:
        source: `prod`, or `edge` where courses are tried out.
        taken: Who is in the run, by the order of enrolment.
        states: The database that holds the state of every learner in every block.
        at: No row is younger.
    """

    institution: Institution
    source: str
    term: Term
    taken: tuple[Participation, ...]
    states: sqlite3.Connection
    at: datetime

    @property
    def name(self) -> str:
        """How the run's members begin."""
        offering = self.term.run.offering
        return f"{offering.org}-{offering.number}-{offering.run}"

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of a table; none for those that no run here has use for."""
        yield from _ROWS.get(table, _nothing)(self)

    @property
    def present(self) -> Iterator[tuple[Participation, Account]]:
        """Who had enrolled by then, with the account."""
        return ((taken, taken.account) for taken in self.taken if taken.at <= self.at)


def _nothing(_snapshot: Snapshot) -> Iterable[Row]:
    return ()


def _accounts(snapshot: Snapshot) -> Iterator[Row]:
    institution, names = snapshot.institution, public_names(snapshot.institution, "edxorg")
    for _, account in snapshot.present:
        username, email = names(account)
        joined = institution.joined["edxorg"][account.person]
        yield {
            "id": account.user_id,
            "username": username,
            "first_name": "",
            "last_name": "",
            "email": email,
            "password": password(account.user_id),
            "is_staff": False,
            "is_active": username == account.username,
            "is_superuser": False,
            "last_login": last_login_at(institution.registry.recipe.seed, account, joined),
            "date_joined": joined,
            "status": "u",
            "avatar_type": "n",
            "show_country": False,
            "consecutive_days_visit_count": 0,
        }


def _profiles(snapshot: Snapshot) -> Iterator[Row]:
    dirt = snapshot.institution.registry.recipe.dirt
    for _, account in snapshot.present:
        person = snapshot.institution.persons[account.person]
        yield {
            "id": account.user_id + 1,
            "user_id": account.user_id,
            "name": full_name(person, dirt),
            "language": account.language.partition(",")[0],
            "location": person.city,
            "meta": json.dumps({"old_names": [], "synthetic": True}),
            "courseware": "course.xml",
            "gender": person.gender or None,
            "mailing_address": "",
            "year_of_birth": person.birth_year,
            "level_of_education": person.education or None,
            "goals": "NULL" if says_null(person.number, dirt) else "To test pipelines",
            "country": person.country,
            "city": person.city,
            "bio": SPECIALS if has_specials(person.number, dirt) else "An invented person.",
        }


def says_null(person: int, dirt: frozenset[DirtKind]) -> bool:
    """Whether somebody's goals are the text NULL, which no reader can tell from nothing."""
    return DirtKind.TSV_LITERAL_NULL in dirt and person % 19 == 3


def has_specials(person: int, dirt: frozenset[DirtKind]) -> bool:
    """Whether somebody's bio has every special character."""
    return DirtKind.TSV_SPECIALS in dirt and person % 11 == 4


def _enrolments(snapshot: Snapshot) -> Iterator[Row]:
    for taken, account in snapshot.present:
        of = {"id": taken.id, "user_id": account.user_id, "course_id": taken.term.course_id}
        yield {**of, "created": taken.at, "is_active": taken.is_active, "mode": taken.mode}


def _anonymous(snapshot: Snapshot) -> Iterator[Row]:
    for taken, account in snapshot.present:
        course_id = taken.term.course_id
        of = {"id": taken.id, "user_id": account.user_id, "course_id": course_id}
        yield {**of, "anonymous_user_id": anonymous_id(account, course_id)}


def _graded(row_of: Callable[[Snapshot, Participation], Row]) -> Callable[[Snapshot], Iterable[Row]]:
    """Rows for those who have a grade."""
    return lambda snapshot: (row_of(snapshot, taken) for taken, _ in snapshot.present if taken.grade is not None)


def _subsections(snapshot: Snapshot) -> Iterator[Row]:
    for taken, _ in snapshot.present:
        yield from subsection_rows(snapshot.institution.registry.recipe.seed, taken)


def _modules(snapshot: Snapshot) -> Iterator[Row]:
    """Written by another process than the rest: its times always have a fraction."""
    cursor = snapshot.states.execute(
        "SELECT * FROM courseware_studentmodule WHERE course_id = ? ORDER BY rowid", (snapshot.term.course_id,)
    )
    names = [column[0] for column in cursor.description]
    for values in cursor:
        yield dict(zip(names, values, strict=True))


def _roles(snapshot: Snapshot) -> Iterator[Row]:
    accounts = snapshot.institution.registry.accounts["edxorg"]
    for index, role in enumerate(("staff", "instructor"), start=1):
        of = {"course_id": snapshot.term.course_id, "user_id": staff_of(accounts, snapshot.term, index).user_id}
        yield {**of, "org": snapshot.term.course.org, "role": role}


def _forum_roles(snapshot: Snapshot) -> Iterator[Row]:
    for _, account in snapshot.present:
        yield {"course_id": snapshot.term.course_id, "user_id": account.user_id, "name": "Student"}


def _languages(snapshot: Snapshot) -> Iterator[Row]:
    for taken, account in snapshot.present:
        code = _LANGUAGES[account.person % len(_LANGUAGES)]
        yield {"id": taken.id, "user_profile_id": account.user_id + 1, "code": code}


def _cohorts(snapshot: Snapshot) -> Iterator[Row]:
    for _, account in snapshot.present:
        group = f"Synthetic group {account.person % 2 + 1}"
        of = {"user_id": account.user_id, "course_id": snapshot.term.course_id}
        yield {**of, "group_type": "cohort", "name": group}


def _tags(snapshot: Snapshot) -> Iterator[Row]:
    for _, account in snapshot.present:
        key = "xblock.partition_service.partition_0"
        of = {"user_id": account.user_id, "course_id": snapshot.term.course_id}
        yield {**of, "key": key, "value": account.person % 2}


def _id_map(snapshot: Snapshot) -> Iterator[Row]:
    names = public_names(snapshot.institution, "edxorg")
    for _, account in snapshot.present:
        digest = hashlib.md5(f"synthetic/{account.user_id}".encode(), usedforsecurity=False).hexdigest()
        yield {"hash_id": digest, "id": account.user_id, "username": names(account)[0]}


def _wiki(snapshot: Snapshot) -> Iterator[Row]:
    number, opened = snapshot.term.id, snapshot.term.opens_at
    rights = {"group_read": 1, "group_write": 1, "other_read": 1, "other_write": 1}
    yield {"id": number, "current_revision_id": number, "created": opened, "modified": opened, **rights}


def _wiki_revisions(snapshot: Snapshot) -> Iterator[Row]:
    staff, opened = staff_of(snapshot.institution.registry.accounts["edxorg"], snapshot.term, 1), snapshot.term.opens_at
    yield {
        "id": snapshot.term.id,
        "revision_number": 1,
        "user_message": "",
        "automatic_log": "",
        "ip_address": staff.ip,
        "user_id": staff.user_id,
        "modified": opened,
        "created": opened,
        "deleted": 0,
        "locked": 0,
        "article_id": snapshot.term.id,
        "content": words.PHRASES[0],
        "title": snapshot.term.run.offering.run,
    }


_ROWS: dict[str, Callable[[Snapshot], Iterable[Row]]] = {
    "auth_user": _accounts,
    "auth_userprofile": _profiles,
    "certificates_generatedcertificate": _graded(lambda snapshot, taken: certificate_row(snapshot.institution, taken)),
    "course_groups_cohortmembership": _cohorts,
    "courseware_studentmodule": _modules,
    "django_comment_client_role_users": _forum_roles,
    "grades_persistentcoursegrade": _graded(lambda _snapshot, taken: grade_row(taken)),
    "grades_persistentsubsectiongrade": _subsections,
    "student_anonymoususerid": _anonymous,
    "student_courseaccessrole": _roles,
    "student_courseenrollment": _enrolments,
    "student_languageproficiency": _languages,
    "user_api_usercoursetag": _tags,
    "user_id_map": _id_map,
    "wiki_article": _wiki,
    "wiki_articlerevision": _wiki_revisions,
}
"""The others are there and empty: no course here has open-response assessments or teams."""
