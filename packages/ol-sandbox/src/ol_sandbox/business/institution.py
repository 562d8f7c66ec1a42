"""The whole institution, business included: everything that is so before the first log, decided from the seed."""

from dataclasses import dataclass
from datetime import datetime

from ol_sandbox.business.bootcamps import Place, build_places
from ol_sandbox.business.identities import AppUser, joined_at, other_users, site_users
from ol_sandbox.business.learning import Participation, build_participations
from ol_sandbox.business.orders import Order, build_orders
from ol_sandbox.business.persons import Person, build_person
from ol_sandbox.business.programs import Program, ProgramParticipation, build_programs, program_participations
from ol_sandbox.business.terms import Term, build_terms
from ol_sandbox.registry import Registry

SHOPS = ("mitxonline", "xpro")
"""The platforms whose own application sells seats; edX.org's money is not ours."""


@dataclass(frozen=True, slots=True)
class Institution:
    """The registry and its business, each by platform or application.

    Memory grows with people and terms, never with events.

    Attributes:
        joined: When each person's account on a platform was made, by platform and person.
        users: Of the applications `mitxonline`, `xpro`, `micromasters`, `bootcamps` and `mitlearn`.
        orders: Of the `SHOPS`.
    """

    registry: Registry
    persons: dict[int, Person]
    terms: tuple[Term, ...]
    participations: dict[str, tuple[Participation, ...]]
    joined: dict[str, dict[int, datetime]]
    programs: tuple[Program, ...]
    program_participations: dict[str, tuple[ProgramParticipation, ...]]
    users: dict[str, tuple[AppUser, ...]]
    orders: dict[str, tuple[Order, ...]]
    places: tuple[Place, ...]

    @classmethod
    def build(cls, registry: Registry) -> "Institution":
        """The business of a registry; the same whatever days and logs are asked for."""
        seed = registry.recipe.seed
        persons = {number: build_person(seed, number) for number in range(1, registry.recipe.scale.people + 1)}
        terms = build_terms(registry)
        participations = build_participations(registry, terms)
        programs = build_programs(seed, terms)
        joined = {name: _joined(registry, name, taken) for name, taken in participations.items()}
        users = {app: tuple(site_users(registry, app, persons, joined[app])) for app in SHOPS}
        users |= {app: tuple(other_users(registry, app, persons)) for app in ("micromasters", "bootcamps", "mitlearn")}
        return cls(
            registry=registry,
            persons=persons,
            terms=terms,
            participations=participations,
            joined=joined,
            programs=programs,
            program_participations=_in_programs(seed, programs, participations),
            users=users,
            orders={shop: build_orders(seed, participations[shop]) for shop in SHOPS},
            places=build_places(seed, users["bootcamps"]),
        )

    def terms_of(self, platform: str) -> tuple[Term, ...]:
        """The terms of one platform, by id."""
        return tuple(term for term in self.terms if term.platform == platform)

    def programs_of(self, platform: str) -> tuple[Program, ...]:
        """The programs of one platform, by id."""
        return tuple(program for program in self.programs if program.platform == platform)


def _joined(registry: Registry, platform: str, participations: tuple[Participation, ...]) -> dict[int, datetime]:
    taken: dict[int, list[Participation]] = {}
    for participation in participations:
        taken.setdefault(participation.account.person, []).append(participation)
    return {
        account.person: joined_at(registry.recipe.seed, account, taken.get(account.person, ()))
        for account in registry.accounts[platform]
    }


def _in_programs(
    seed: int, programs: tuple[Program, ...], participations: dict[str, tuple[Participation, ...]]
) -> dict[str, tuple[ProgramParticipation, ...]]:
    found: dict[str, tuple[ProgramParticipation, ...]] = {}
    for program in programs:
        before = found.get(program.platform, ())
        more = program_participations(seed, program, participations[program.platform], len(before) + 1)
        found[program.platform] = (*before, *more)
    return found
