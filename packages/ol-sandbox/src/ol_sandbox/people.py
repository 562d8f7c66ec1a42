"""People and the accounts they hold: one person, several usernames."""

import random
from dataclasses import dataclass

from ol_sandbox import words
from ol_sandbox.platforms import Platform
from ol_sandbox.randomness import stream

DEVICES = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) SyntheticBrowser/124.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_4) SyntheticBrowser/17.4",
    "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) SyntheticBrowser/125.0",
)
LANGUAGES = ("en-US,en;q=0.9", "es-419,es;q=0.9,en;q=0.8", "zh-CN,zh;q=0.9", "")


@dataclass(frozen=True, slots=True)
class Account:
    """One person on one platform.

    Attributes:
        person: Number of the person; the same on every platform, and known to no platform.
        email: Differs between platforms for some people.
    """

    platform: str
    person: int
    username: str
    user_id: int
    email: str
    ip: str
    agent: str
    language: str


def build_accounts(seed: int, people: int, platforms: tuple[Platform, ...]) -> dict[str, tuple[Account, ...]]:
    """The accounts of everybody by platform; each person has one at least.

    Usernames are unique on a platform. About half of those who are on two platforms use the same name on both.
    """
    accounts: dict[str, list[Account]] = {platform.name: [] for platform in platforms}
    for person in range(1, people + 1):
        chance = stream(seed, "person", person)
        usual_name = words.handle(chance, person)
        for platform in chance.sample(platforms, k=chance.choice((1, 2, 2, 3))):
            accounts[platform.name].append(_account(chance, platform, person, usual_name))
    return {name: tuple(members) for name, members in accounts.items()}


def _account(chance: random.Random, platform: Platform, person: int, usual_name: str) -> Account:
    username = usual_name if chance.random() < 0.5 else words.handle(chance, person)
    return Account(
        platform=platform.name,
        person=person,
        username=username,
        user_id=chance.randrange(100, 900) * 1000 + person,
        email=f"{username}@{'example.edu' if chance.random() < 0.8 else 'mail.example.edu'}",
        ip=f"192.0.2.{chance.randrange(1, 255)}",
        agent=chance.choice(DEVICES),
        language=chance.choice(LANGUAGES),
    )
