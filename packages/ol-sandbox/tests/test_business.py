"""The business of the institution, and the dean's answers to it."""

import re
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from ol_sandbox.business.answers import answers
from ol_sandbox.business.identities import retired_persons
from ol_sandbox.business.institution import SHOPS, Institution
from ol_sandbox.business.learning import PASSING, attempts
from ol_sandbox.business.orders import DISCOUNTS, DISCOUNTS_OF, Discount, OrderState, dollars
from ol_sandbox.business.programs import Requirement
from ol_sandbox.business.terms import GRADED_AT
from ol_sandbox.dirt import DirtKind
from ol_sandbox.recipe import Recipe
from ol_sandbox.registry import Registry


@pytest.fixture(scope="module")
def institution() -> Institution:
    return Institution.build(Registry.build(Recipe(7, "small")))


def everybody(institution: Institution) -> list[Any]:
    return [taken for members in institution.participations.values() for taken in members]


def test_the_business_does_not_depend_on_days(institution: Institution) -> None:
    other = Institution.build(Registry.build(Recipe(7, "small", days=1)))
    assert replace(other, registry=institution.registry) == institution


class TestPeople:
    def test_everybody_is_plainly_invented(self, institution: Institution) -> None:
        for person in institution.persons.values():
            assert re.fullmatch(r"[A-Z][a-z]{5}", person.first_name)
            assert person.last_name.startswith("Synthetic-")
        for users in institution.users.values():
            assert all(user.email.endswith("example.edu") for user in users)

    def test_ids_names_and_addresses_are_unique_in_an_application(self, institution: Institution) -> None:
        assert set(institution.users) == {"mitxonline", "xpro", "micromasters", "bootcamps", "mitlearn"}
        for users in institution.users.values():
            for of in ("id", "username", "email"):
                assert len({getattr(user, of) for user in users}) == len(users)

    def test_people_differ_between_applications(self, institution: Institution) -> None:
        emails, names, ids = (defaultdict(set) for _ in range(3))
        for users in institution.users.values():
            for user in users:
                emails[user.person.number].add(user.email)
                names[user.person.number].add(user.username)
                ids[user.person.number].add(user.id)
        several = [person for person in ids if len(ids[person]) > 1]
        assert len(several) > 100
        for found in (emails, names):
            assert any(len(found[person]) == 1 for person in several)
            assert any(len(found[person]) > 1 for person in several)

    def test_some_users_have_no_learning_account_and_nobody_has_two(self, institution: Institution) -> None:
        for shop in SHOPS:
            accounts = [user.account for user in institution.users[shop] if user.account]
            assert len(accounts) == len(set(accounts)) == len(institution.registry.accounts[shop])
            assert len(accounts) < len(institution.users[shop])

    def test_the_retired_are_few_and_switched_with_their_dirt(self, institution: Institution) -> None:
        clean = Registry.build(Recipe(7, "small", dirt=frozenset(DirtKind) - {DirtKind.RETIRED_USER}))
        for platform in institution.registry.platforms:
            retired = retired_persons(institution.registry, platform.name)
            assert 1 <= len(retired) < 10
            assert retired_persons(clean, platform.name) == frozenset()


class TestLearning:
    def test_everybody_in_the_logs_is_enrolled(self, institution: Institution) -> None:
        for platform, enrolments in institution.registry.enrolments.items():
            taken = {(p.account.person, p.term.course_id, p.at) for p in institution.participations[platform]}
            assert {(e.account.person, e.run.course_id, e.at) for e in enrolments} <= taken

    def test_once_in_a_term_and_numbered_by_time(self, institution: Institution) -> None:
        for members in institution.participations.values():
            assert len({(taken.account.person, taken.term.id) for taken in members}) == len(members)
            assert [taken.id for taken in members] == list(range(1, len(members) + 1))
            assert [taken.at for taken in members] == sorted(taken.at for taken in members)

    def test_a_grade_is_the_share_of_problems_solved_in_time(self, institution: Institution) -> None:
        for taken in everybody(institution):
            done = list(attempts(7, taken.account, taken.term, taken.at))
            assert all(taken.at <= attempt.at <= min(taken.term.ends_at, GRADED_AT) for attempt in done)
            assert len({attempt.problem for attempt in done}) == len(done)
            solved = sum(attempt.is_correct for attempt in done)
            assert taken.grade == (round(solved / len(taken.term.graded), 4) if done else None)
            assert taken.is_passed == ((taken.grade or 0) >= PASSING)

    def test_a_certificate_was_earned_and_paid_for(self, institution: Institution) -> None:
        certified = [taken for taken in everybody(institution) if taken.certificate]
        assert len(certified) > 100
        assert any(taken.certificate.is_revoked for taken in certified)
        for taken in certified:
            assert taken.is_passed
            assert taken.mode == "verified"
            assert taken.is_active
            assert taken.term.is_past
            assert taken.term.ends_at < taken.certificate.issued_at < GRADED_AT

    def test_accounts_are_older_than_what_they_did(self, institution: Institution) -> None:
        for platform, members in institution.participations.items():
            for taken in members:
                assert institution.joined[platform][taken.account.person] < taken.at


class TestOrders:
    def test_every_paid_seat_has_one_order_that_was_paid(self, institution: Institution) -> None:
        for shop in SHOPS:
            paid = [order for order in institution.orders[shop] if order.participation]
            seats = {taken.id for taken in institution.participations[shop] if taken.mode == "verified"}
            assert {order.participation.id for order in paid if order.participation} == seats
            assert len(paid) == len(seats)

    def test_money_follows_the_state(self, institution: Institution) -> None:
        states = set()
        for orders in institution.orders.values():
            for order in orders:
                states.add(order.state)
                balance = sum(-p.cents if p.is_refund else p.cents for p in order.payments)
                match order.state:
                    case OrderState.FULFILLED:
                        assert balance == order.paid_cents
                    case OrderState.PARTIALLY_REFUNDED:
                        assert 0 < balance < order.paid_cents
                    case _:
                        assert balance == 0
                assert order.paid_cents == (
                    order.discount.price(order.term.price_cents) if order.discount else order.term.price_cents
                )
        assert states == set(OrderState)

    def test_discounts(self) -> None:
        quarter, everything, twenty, flat = DISCOUNTS
        assert [d.price(10_000) for d in (quarter, everything, twenty, flat)] == [7_500, 0, 8_000, 2_500]
        assert twenty.price(1_500) == 0
        assert flat.price(1_500) == 1_500
        assert Discount(9, "x", "percent-off", 33, "").price(9_999) == 6_699
        assert {discount.kind for discount in DISCOUNTS_OF["xpro"]} == {"percent-off", "dollars-off"}

    @pytest.mark.parametrize(("cents", "text"), [(0, "0.00"), (5, "0.05"), (123_456, "1234.56")])
    def test_dollars(self, cents: int, text: str) -> None:
        assert dollars(cents) == text


class TestPrograms:
    def test_a_certificate_means_that_the_tree_is_met(self, institution: Institution) -> None:
        for platform, members in institution.program_participations.items():
            held = defaultdict(set)
            for taken in institution.participations[platform]:
                if taken.certificate and not taken.certificate.is_revoked:
                    held[taken.account.person].add(taken.term.course.id)
            assert [member.id for member in members] == list(range(1, len(members) + 1))
            for member in members:
                assert member.program.root.is_met(held[member.account.person]) == (member.certified_at is not None)
            assert any(member.certified_at for member in members)

    def test_trees(self, institution: Institution) -> None:
        a, b, c = (
            institution.terms_of("mitxonline")[0].course,
            *(replace(institution.terms_of("mitxonline")[0].course, id=number) for number in (98, 99)),
        )
        options = tuple(Requirement("", course=course) for course in (b, c))
        root = Requirement("", children=(Requirement("", course=a), Requirement("", needed=1, children=options)))
        assert not root.is_met({a.id})
        assert not root.is_met({98, 99})
        assert root.is_met({a.id, 99})
        assert [course.id for course in root.courses()] == [a.id, 98, 99]

    def test_a_program_in_a_program_counts_its_courses(self, institution: Institution) -> None:
        master = institution.programs_of("mitxonline")[-1]
        assert {course.number for course in master.courses} == {"SYN.101x", "SYN.204x"}


class TestBootcamps:
    def test_places(self, institution: Institution) -> None:
        assert len(institution.places) > 30
        for place in institution.places:
            balance = sum(-p.cents if p.is_refund else p.cents for p in place.payments)
            assert balance == (0 if place.is_refunded else 650_000)
            assert place.user.joined_at < place.at
            assert not (place.is_refunded and place.certified_at)


class TestAnswers:
    def test_rates_come_from_counts(self, institution: Institution) -> None:
        runs = answers(institution, {})["runs"]
        assert len(runs) == len(institution.terms)
        for run in runs:
            assert run["certificates"] <= run["passed"] <= run["graded"] <= run["enrolled"]
            assert run["active"] <= run["enrolled"]
            assert run["completion_rate"] == (round(run["passed"] / run["enrolled"], 6) if run["enrolled"] else None)
            assert run["pass_rate"] == (round(run["passed"] / run["graded"], 6) if run["graded"] else None)

    def test_revenue_is_every_payment_once(self, institution: Institution) -> None:
        months = answers(institution, {})["revenue"]
        payments = [p for orders in institution.orders.values() for order in orders for p in order.payments]
        payments += [p for place in institution.places for p in place.payments]
        total = sum(-p.cents if p.is_refund else p.cents for p in payments)
        assert round(sum(float(month["net"]) * 100 for month in months)) == total
        assert len({(month["platform"], month["month"]) for month in months}) == len(months)
        assert any(month["net"].startswith("-") for month in months) or all(float(m["net"]) >= 0 for m in months)

    def test_active_learners_are_those_of_the_logs(self, sandbox: Any) -> None:
        told = {
            (e["platform"], e["course_id"], e["day"]): e["learners"]
            for e in sandbox.truth["answers"]["active_learners"]
        }
        found = defaultdict(set)
        for platform in ("mitxonline", "xpro", "edxorg"):
            for line in sandbox.distinct(platform):
                if line.username and line.course_id:
                    found[platform, line.course_id, str(line.at.date())].add(line.username)
        assert told == {key: len(names) for key, names in found.items()}
