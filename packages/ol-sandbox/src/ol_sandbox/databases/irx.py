"""The copies of what Institutional Research computes for edX.org: runs, and each learner in each run."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from ol_sandbox.business.identities import last_login_at, retired_email, retired_persons, retired_username
from ol_sandbox.business.institution import Institution
from ol_sandbox.business.learning import Participation
from ol_sandbox.business.terms import GRADED_AT, Term
from ol_sandbox.courses import BlockType
from ol_sandbox.databases.accounts import full_name, goals
from ol_sandbox.databases.grades import certificate_row, mode_of
from ol_sandbox.databases.writing import Row
from ol_sandbox.events import Event, Source

type Rows = Iterator[tuple[str, Row]]

_COUNTED = {
    "play_video": "nplay_video",
    "pause_video": "npause_video",
    "seek_video": "nseek_video",
    "seq_goto": "nseq_goto",
    "show_transcript": "ntranscript",
    "showanswer": "nshow_answer",
}


class Engagement:
    """Counts what each learner did in each run. Memory grows with enrolments, not with events."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], Counter[str]] = {}
        self._moments: dict[tuple[int, str], tuple[datetime, datetime]] = {}
        self._days: dict[tuple[int, str], set[int]] = {}

    def observe(self, events: Iterable[Event]) -> None:
        """Take note of what just happened."""
        for event in events:
            if event.visit.account is not None and event.visit.run is not None:
                key = (event.visit.account.person, event.visit.run.course_id)
                first, _ = self._moments.get(key, (event.at, event.at))
                self._moments[key] = (first, event.at)
                self._days.setdefault(key, set()).add(event.at.toordinal())
                self._counts.setdefault(key, Counter()).update(_kinds(event))

    def columns(self, taken: Participation) -> Row:
        """The counting columns of one learner in one run; nothing for who did nothing."""
        key = (taken.account.person, taken.term.course_id)
        if key not in self._counts:
            return {"nevents": 0}
        first, last = self._moments[key]
        return {**self._counts[key], "ndays_act": len(self._days[key]), "first_event": first, "last_event": last}


def _kinds(event: Event) -> Iterator[str]:
    yield "nevents"
    if event.event_type in _COUNTED:
        yield _COUNTED[event.event_type]
    if event.name == "problem_check" and event.source is Source.SERVER:
        yield "nproblem_check"
    if event.name.startswith("edx.forum."):
        yield "nforum_events"


def rows(institution: Institution, engagement: Engagement) -> Rows:
    """Every row, table by table. Run ids stand in the old form here, whatever they are on edX.org."""
    for term in institution.terms_of("edxorg"):
        yield "mitx_course", _course(term)
    retired = retired_persons(institution.registry, "edxorg")
    for taken in institution.participations["edxorg"]:
        is_retired = taken.account.person in retired
        username = retired_username(taken.account.username) if is_retired else taken.account.username
        email = retired_email(taken.account.email) if is_retired else taken.account.email
        yield "mitx_person_course", _person_course(institution, taken, username, engagement)
        yield "mitx_user_info_combo", _user_info(institution, taken, username, email)
        of = {"course_id": old_form(taken.term.course_id), "user_id": taken.account.user_id, "username": username}
        opted = {"is_opted_in_for_email": taken.account.person % 2 == 0, "preference_set_datetime": taken.at}
        name = full_name(institution.persons[taken.account.person], institution.registry.recipe.dirt)
        yield "email_opt_in", {**of, "email": email, "full_name": name, **opted}


def old_form(course_id: str) -> str:
    """A run id as ORG/NUMBER/RUN."""
    return course_id.removeprefix("course-v1:").replace("+", "/")


def _course(term: Term) -> Row:
    offering = term.run.offering
    return {
        "course_id": old_form(term.course_id),
        "course_title": term.run.title,
        "url": f"https://edxorg.example.edu/courses/{term.course_id}/",
        "course_number": term.course.number,
        "course_key_version": "old" if offering.old_form else "new",
        "semester": offering.run,
        "course_launch": term.starts_at.date(),
        "course_wrap": term.ends_at.date(),
        "registration_open": term.opens_at.date(),
        "institution": term.course.org,
        "instructors": "Synthetic Signatory 1",
        "nchapters": len(term.run.root.below(BlockType.CHAPTER)),
        "visible_nchapters": len(term.run.root.below(BlockType.CHAPTER)),
        "new_or_rerun": "new" if term.is_past else "rerun",
        "short_title": term.run.title,
        "self_paced": 0,
        "dept_number": 18,
        "department": "Synthetic Mathematics",
        "mit_content": 1,
    }


def _person_course(institution: Institution, taken: Participation, username: str, engagement: Engagement) -> Row:
    person, certificate = institution.persons[taken.account.person], taken.certificate
    is_verified = taken.mode == "verified"
    return {
        "course_id": old_form(taken.term.course_id),
        "user_id": taken.account.user_id,
        "username": username,
        "registered": True,
        "viewed": taken.grade is not None,
        "explored": (taken.grade or 0) > 0.5,
        "completed": taken.is_passed,
        "certified": certificate is not None,
        "loe": person.education or None,
        "yob": person.birth_year,
        "gender": person.gender or None,
        "profile_country": person.country,
        "start_time": taken.at,
        "verified_enroll_time": taken.at if is_verified else None,
        "verified_unenroll_time": taken.at if is_verified and not taken.is_active else None,
        "mode": taken.mode,
        "is_active": int(taken.is_active),
        "grade": taken.grade,
        "passing_grade": 0.5,
        "cert_status": "downloadable" if certificate else None,
        "cert_created_date": certificate.issued_at if certificate else None,
        "cert_modified_date": certificate.issued_at if certificate else None,
        "ip": taken.account.ip,
        "cc_by_ip": person.country,
        "email_domain": taken.account.email.partition("@")[2],
        "modal_agent": taken.account.agent,
        **engagement.columns(taken),
    }


def _user_info(institution: Institution, taken: Participation, username: str, email: str) -> Row:
    person, dirt = institution.persons[taken.account.person], institution.registry.recipe.dirt
    joined = institution.joined["edxorg"][taken.account.person]
    row: dict[str, object] = {
        "user_id": taken.account.user_id,
        "username": username,
        "email": email,
        "is_staff": 0,
        "id_map_hash_id": person.global_id.replace("-", ""),
        "profile_name": full_name(person, dirt),
        "profile_language": taken.account.language.partition(",")[0],
        "profile_location": person.city,
        "profile_goals": goals(person, dirt),
        "profile_gender": person.gender or None,
        "profile_country": person.country,
        "profile_city": person.city,
        "profile_level_of_education": person.education or None,
        "profile_year_of_birth": person.birth_year,
        "profile_meta": "{}",
        "profile_courseware": "course.xml",
        "profile_allow_certificate": 1,
        "date_joined": joined,
        "last_login": last_login_at(institution.registry.recipe.seed, taken.account, joined),
        "enrollment_course_id": old_form(taken.term.course_id),
        "enrollment_mode": mode_of(taken),
        "enrollment_created": taken.at,
        "enrollment_is_active": int(taken.is_active),
    }
    return row | (_certificate(institution, taken) if taken.grade is not None and taken.at < GRADED_AT else {})


def _certificate(institution: Institution, taken: Participation) -> dict[str, object]:
    row = certificate_row(institution, taken)
    names = ("id", "user_id", "mode", "created_date", "modified_date", "name", "key", "status", "download_url")
    more = ("download_uuid", "verify_uuid", "grade", "error_reason")
    found = {f"certificate_{name}": row[name] for name in (*names, *more)}
    return {**found, "certificate_course_id": old_form(taken.term.course_id), "certificate_distinction": 0}
