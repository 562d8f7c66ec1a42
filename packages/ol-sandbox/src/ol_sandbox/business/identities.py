"""The same people in each application: other ids, sometimes other names and addresses, some of them retired."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

from ol_sandbox import words
from ol_sandbox.business.learning import Participation
from ol_sandbox.business.persons import Person
from ol_sandbox.business.terms import GRADED_AT
from ol_sandbox.dirt import DirtKind
from ol_sandbox.people import Account
from ol_sandbox.randomness import stream, take
from ol_sandbox.registry import Registry

_FIRST_IDS = {"mitxonline": 1_001, "xpro": 20_001, "micromasters": 301, "bootcamps": 7_001, "mitlearn": 50_001}
_SHARE = {"micromasters": 0.35, "bootcamps": 0.2, "mitlearn": 0.6}
_EPOCH = datetime(2019, 1, 7, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AppUser:
    """One person's user in one application, which is another system than the platform people learn on.

    Attributes:
        account: The learning account it belongs to; None where the application has none, or did not make one.
        is_retired: Whether it was retired: a name and an address that tell nobody, and no way in.
    """

    app: str
    id: int
    person: Person
    username: str
    email: str
    joined_at: datetime
    last_login_at: datetime | None
    is_active: bool
    is_retired: bool
    account: Account | None


def retired_persons(registry: Registry, platform: str) -> frozenset[int]:
    """Whose account of a platform was retired after the last grading: about one in a hundred, one at least."""
    accounts = registry.accounts[platform]
    if DirtKind.RETIRED_USER not in registry.recipe.dirt:
        return frozenset()
    chance = stream(registry.recipe.seed, "retired", platform)
    return frozenset(account.person for account in take(chance, accounts, max(1, len(accounts) // 100)))


def retired_username(username: str) -> str:
    """What Open edX writes over a retired username: a hash under a known prefix."""
    return f"retired__user_{hashlib.sha256(username.encode()).hexdigest()[:40]}"


def retired_email(email: str) -> str:
    """What Open edX writes over a retired address."""
    return f"retired__user_{hashlib.sha256(email.encode()).hexdigest()[:40]}@retired.example.edu"


def joined_at(seed: int, account: Account, participations: Iterable[Participation]) -> datetime:
    """When an account was made: before the first thing it did."""
    chance = stream(seed, "joined", account.platform, account.person)
    usual = _EPOCH + timedelta(seconds=chance.randrange(6 * 365 * 86_400))
    return min((taken.at - timedelta(days=1) for taken in participations), default=usual)


def last_login_at(seed: int, account: Account, since: datetime) -> datetime:
    """The last time somebody signed in before the first log."""
    span_s = max(1, int((GRADED_AT - since).total_seconds()))
    return since + timedelta(seconds=stream(seed, "login", account.platform, account.person).randrange(span_s))


def site_users(
    registry: Registry, platform: str, persons: dict[int, Person], joined: dict[int, datetime]
) -> list[AppUser]:
    """The users of a site's own application: everybody with a learning account, and some who never got one."""
    retired = retired_persons(registry, platform)
    users = [
        _site_user(
            registry.recipe.seed,
            platform,
            persons[account.person],
            account,
            joined,
            is_retired=account.person in retired,
        )
        for account in registry.accounts[platform]
    ]
    taken = {account.person for account in registry.accounts[platform]}
    for person in persons.values():
        chance = stream(registry.recipe.seed, "visitor", platform, person.number)
        if person.number not in taken and chance.random() < 0.1:
            users.append(_stranger(chance, platform, person))
    return _numbered(platform, users)


def _site_user(
    seed: int, app: str, person: Person, account: Account, joined: dict[int, datetime], *, is_retired: bool
) -> AppUser:
    """Most addresses are those of the learning site; some were changed in one place only."""
    chance = stream(seed, "application", app, person.number)
    since = joined[person.number]
    email = f"new.{account.email}" if chance.random() < 0.1 else account.email
    return AppUser(
        app=app,
        id=0,
        person=person,
        username=retired_username(account.username) if is_retired else account.username,
        email=retired_email(email) if is_retired else email,
        joined_at=since,
        last_login_at=last_login_at(seed, account, since),
        is_active=not is_retired,
        is_retired=is_retired,
        account=account,
    )


def other_users(registry: Registry, app: str, persons: dict[int, Person]) -> list[AppUser]:
    """The users of an application without a learning site of its own, drawn from everybody."""
    accounts: dict[int, list[Account]] = {}
    for members in registry.accounts.values():
        for account in members:
            accounts.setdefault(account.person, []).append(account)
    users = list(_drawn(registry.recipe.seed, app, persons, accounts))
    return _numbered(app, users)


def _drawn(seed: int, app: str, persons: dict[int, Person], accounts: dict[int, list[Account]]) -> Iterator[AppUser]:
    for person in persons.values():
        chance = stream(seed, "application", app, person.number)
        known = [a for a in accounts[person.number] if app != "micromasters" or a.platform in ("mitxonline", "edxorg")]
        if known and chance.random() < _SHARE[app]:
            account = chance.choice(known)
            keeps_name = chance.random() < 0.6
            stranger = _stranger(chance, app, person)
            yield replace(
                stranger,
                username=account.username if keeps_name else stranger.username,
                email=account.email if chance.random() < 0.7 else stranger.email,
                account=account,
            )


def _stranger(chance: Random, app: str, person: Person) -> AppUser:
    username = words.handle(chance, person.number)
    joined = _EPOCH + timedelta(seconds=chance.randrange(6 * 365 * 86_400), microseconds=chance.randrange(1_000_000))
    login = joined + timedelta(days=chance.randrange(1, 300)) if chance.random() < 0.9 else None
    email = f"{username}@mail.example.edu"
    return AppUser(app, 0, person, username, email, joined, login, chance.random() < 0.97, False, None)


def _numbered(app: str, users: list[AppUser]) -> list[AppUser]:
    """Ids in the order of joining."""
    in_order = sorted(users, key=lambda user: (user.joined_at, user.person.number))
    return [replace(user, id=_FIRST_IDS[app] + place) for place, user in enumerate(in_order)]
