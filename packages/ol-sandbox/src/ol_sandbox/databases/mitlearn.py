"""The application database of MIT Learn: one user for everything, known by a global id."""

import uuid
from collections.abc import Iterator

from ol_sandbox.business.institution import Institution
from ol_sandbox.databases.accounts import password
from ol_sandbox.databases.writing import Row
from ol_sandbox.words import TOPICS

type Rows = Iterator[tuple[str, Row]]

APP = "mitlearn"
_FIRST_USER = 50_000


def rows(institution: Institution) -> Rows:
    """Every row, table by table."""
    for number, topic in enumerate(TOPICS, start=1):
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, topic))
        row = {"id": number, "name": topic.title(), "topic_uuid": identity}
        yield "learning_resources_learningresourcetopic", row
    for user in institution.users[APP]:
        person, number = user.person, user.id - _FIRST_USER
        yield (
            "users_user",
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
                "created_on": user.joined_at,
                "updated_on": user.joined_at,
                "global_id": person.global_id,
                "scim_id": person.global_id,
                "scim_username": user.email,
                "scim_external_id": person.global_id,
            },
        )
        yield (
            "profiles_profile",
            {
                "id": number,
                "user_id": user.id,
                "name": person.full_name,
                "bio": "An invented person.",
                "location": person.country,
                "goals": ["career-growth"] if person.number % 2 else [],
                "delivery": ["online"],
                "certificate_desired": person.number % 3 == 0,
                "completed_onboarding": True,
                "email_optin": person.number % 2 == 0,
                "toc_optin": True,
                "time_commitment": "0-to-5-hours",
                "current_education": "",
                "updated_at": user.joined_at,
            },
        )
        of = {"id": number, "profile_id": number}
        topic_id = 1 + person.number % len(TOPICS)
        yield "profiles_profile_topic_interests", {**of, "learningresourcetopic_id": topic_id}
