"""Everything that is so in the institution, decided from the seed before anything is written down."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from ol_sandbox.courses import Run, build_run
from ol_sandbox.offerings import current_offerings
from ol_sandbox.people import Account, build_accounts
from ol_sandbox.platforms import Platform, platforms_named
from ol_sandbox.randomness import stream
from ol_sandbox.recipe import FIRST_DAY, Recipe

_SHARE_OF_NEW_LEARNERS = 0.25
_MODES = ("audit", "audit", "verified")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One account in one run, from a moment on."""

    account: Account
    run: Run
    at: datetime
    mode: str


@dataclass(frozen=True, slots=True)
class Registry:
    """The institution: who is where, what is taught, who takes it.

    Memory grows with people and runs, never with events: behaviour is made from it one day at a time.
    """

    recipe: Recipe
    platforms: tuple[Platform, ...]
    accounts: dict[str, tuple[Account, ...]]
    runs: dict[str, tuple[Run, ...]]
    enrolments: dict[str, tuple[Enrolment, ...]]

    @classmethod
    def build(cls, recipe: Recipe) -> "Registry":
        """The same institution for the same seed and size, however many days are asked for."""
        platforms = platforms_named(recipe.scale.platforms)
        offerings = current_offerings(recipe.scale.invented_runs)
        accounts = build_accounts(recipe.seed, recipe.scale.people, platforms)
        runs = {
            platform.name: tuple(
                build_run(recipe.seed, offering) for offering in offerings if offering.platform == platform.name
            )
            for platform in platforms
        }
        enrolments = {
            platform.name: tuple(
                enrolment
                for account in accounts[platform.name]
                for enrolment in _enrolments(recipe.seed, account, runs[platform.name])
            )
            for platform in platforms
        }
        return cls(recipe, platforms, accounts, runs, enrolments)

    @property
    def exported_runs(self) -> tuple[Run, ...]:
        """The runs whose course archives are delivered."""
        return tuple(run for runs in self.runs.values() for run in runs if run.offering.exported)


def _enrolments(seed: int, account: Account, runs: tuple[Run, ...]) -> list[Enrolment]:
    chance = stream(seed, "enrolment", account.platform, account.person)
    taken = chance.sample(runs, k=chance.choice((1, 1, 2)))
    return [Enrolment(account, run, _enrolled_at(chance), chance.choice(_MODES)) for run in taken]


def _enrolled_at(chance: random.Random) -> datetime:
    """Weeks before the first log, or for some during the first two days, so that the logs tell of it."""
    first = datetime.combine(FIRST_DAY, time(), UTC)
    if chance.random() < _SHARE_OF_NEW_LEARNERS:
        return first + timedelta(seconds=chance.uniform(0, 36 * 3600))
    return first - timedelta(days=chance.uniform(5, 25))
