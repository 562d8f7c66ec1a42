"""The partner portal's reports: programs and their learners, entitlements, and who wants e-mail."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import BinaryIO

from ol_sandbox.business.institution import Institution
from ol_sandbox.business.learning import Participation
from ol_sandbox.business.programs import ProgramParticipation
from ol_sandbox.databases.accounts import full_name
from ol_sandbox.databases.grades import graded_at
from ol_sandbox.databases.site import public_names

LEARNERS = (
    "Authoring Institution",
    "Program Type",
    "Program UUID",
    "Program Title",
    "User ID",
    "Username",
    "Name",
    "User Roles",
    "Course Run Key",
    "Course Title",
    "Track",
    "Letter Grade",
    "Grade",
    "Currently Enrolled",
    "Purchased as Bundle",
    "Completed",
    "Completed Program",
    "Date Completed",
    "Date Program Certificate Awarded",
    "Last Activity Date",
    "Date First Enrolled",
    "Date Last Unenrolled",
    "Date First Upgraded to Verified",
    "Course Run Start Date",
)
ENTITLEMENTS = (
    "Email",
    "Entitlements",
    "Expiration Date",
    "First Name",
    "Last Name",
    "Partner Key",
    "Program Title",
    "Program Type",
    "Purchase Date",
    "Redeemed Entitlements",
    "Unredeemed Entitlements",
    "User ID",
    "Username",
)
OPT_IN = ("user_id", "username", "email", "full_name", "course_id", "is_opted_in_for_email", "preference_set_datetime")
_NEVER = "null"
"""What the portal writes where there is no date."""


def learners_path(day: date) -> str:
    """Where the report of the learners in programs is delivered, below `sources`."""
    return f"edx-program-reports/reports_v2/MITx/program_learner_report_{day}.csv"


def entitlements_path(day: date) -> str:
    """Where the report of bought programs is delivered."""
    return f"edx-program-reports/reports_v2/MITx/program_entitlement_{day}.csv"


def opt_in_path(day: date) -> str:
    """Where the list of e-mail preferences is delivered."""
    return f"edx-course-data/email-opt-in/mitx-{day}.zip"


def write_csv(file: BinaryIO, header: tuple[str, ...], rows: Iterable[dict[str, object]]) -> int:
    """Write the header and the rows, and say how many rows."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer, count = csv.DictWriter(text, header, lineterminator="\n"), 0
    writer.writeheader()
    for row in rows:
        writer.writerow(row)
        count += 1
    text.detach()
    return count


def write_opt_in(file: BinaryIO, institution: Institution) -> int:
    """The zip with the one CSV in it; says how many rows."""
    buffer = io.BytesIO()
    count = write_csv(buffer, OPT_IN, _opt_in(institution))
    member = zipfile.ZipInfo("mitx-email_opt_in-prod-analytics.csv", (2026, 3, 1, 0, 0, 0))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(member, buffer.getvalue())
    return count


def learner_rows(institution: Institution, day: date) -> Iterator[dict[str, object]]:
    """One row for each learner of a program in each run of the program's courses."""
    names, taken = public_names(institution, "edxorg"), dict[int, list[Participation]]()
    for participation in institution.participations["edxorg"]:
        if participation.at.date() <= day:
            taken.setdefault(participation.account.person, []).append(participation)
    for joined in institution.program_participations["edxorg"]:
        courses = {course.id for course in joined.program.courses}
        for participation in taken.get(joined.account.person, ()):
            if participation.term.course.id in courses:
                yield _learner(institution, joined, participation, names(joined.account)[0])


def _learner(
    institution: Institution, joined: ProgramParticipation, taken: Participation, username: str
) -> dict[str, object]:
    person, program = institution.persons[taken.account.person], joined.program
    is_verified, is_done = taken.mode == "verified", taken.certificate is not None
    return {
        "Authoring Institution": taken.term.course.org,
        "Program Type": program.kind,
        "Program UUID": program.uuid,
        "Program Title": program.title,
        "User ID": taken.account.user_id,
        "Username": username,
        "Name": full_name(person, institution.registry.recipe.dirt),
        "User Roles": _NEVER,
        "Course Run Key": taken.term.course_id,
        "Course Title": taken.term.run.title,
        "Track": taken.mode,
        "Letter Grade": "Pass" if taken.is_passed else _NEVER,
        "Grade": _NEVER if taken.grade is None else taken.grade,
        "Currently Enrolled": _flag(taken.is_active),
        "Purchased as Bundle": _flag(False),
        "Completed": _flag(is_done),
        "Completed Program": _flag(joined.certified_at is not None),
        "Date Completed": _moment(taken.certificate.issued_at if taken.certificate else None),
        "Date Program Certificate Awarded": _moment(joined.certified_at),
        "Last Activity Date": _moment(graded_at(taken.term) if taken.grade is not None else None),
        "Date First Enrolled": _moment(taken.at),
        "Date Last Unenrolled": _moment(None if taken.is_active else taken.at),
        "Date First Upgraded to Verified": _moment(taken.at if is_verified else None),
        "Course Run Start Date": _moment(taken.term.starts_at),
    }


def entitlement_rows(institution: Institution) -> Iterator[dict[str, object]]:
    """Every third learner of a program bought it whole."""
    names = public_names(institution, "edxorg")
    for joined in institution.program_participations["edxorg"]:
        if joined.id % 3 == 0:
            person, (username, email) = institution.persons[joined.account.person], names(joined.account)
            courses = len(joined.program.courses)
            yield {
                "Email": email,
                "Entitlements": courses,
                "Expiration Date": "",
                "First Name": person.first_name,
                "Last Name": person.last_name,
                "Partner Key": "SynthX",
                "Program Title": joined.program.title,
                "Program Type": joined.program.kind,
                "Purchase Date": _moment(joined.at),
                "Redeemed Entitlements": 1,
                "Unredeemed Entitlements": courses - 1,
                "User ID": joined.account.user_id,
                "Username": username,
            }


def _opt_in(institution: Institution) -> Iterator[dict[str, object]]:
    names = public_names(institution, "edxorg")
    for taken in institution.participations["edxorg"]:
        username, email = names(taken.account)
        yield {
            "user_id": taken.account.user_id,
            "username": username,
            "email": email,
            "full_name": full_name(institution.persons[taken.account.person], institution.registry.recipe.dirt),
            "course_id": taken.term.course_id,
            "is_opted_in_for_email": _flag(taken.account.person % 2 == 0),
            "preference_set_datetime": _moment(taken.at),
        }


def _flag(value: bool) -> str:  # noqa: FBT001 - a value to write, not a switch
    return str(value).lower()


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else _NEVER
