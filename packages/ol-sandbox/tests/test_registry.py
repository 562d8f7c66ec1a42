"""The institution itself."""

import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import ol_sandbox
from ol_sandbox.courses import OFFERINGS, BlockType, build_run
from ol_sandbox.platforms import PLATFORMS
from ol_sandbox.randomness import rounded, stream, take
from ol_sandbox.recipe import FIRST_DAY, Recipe
from ol_sandbox.registry import Registry

REGISTRY = Registry.build(Recipe(7))


def test_the_institution_does_not_depend_on_days_or_dirt() -> None:
    other = Registry.build(Recipe(7, days=1, dirt=frozenset()))
    assert replace(other, recipe=REGISTRY.recipe) == REGISTRY


def test_another_seed_is_another_institution() -> None:
    assert Registry.build(Recipe(8)).accounts != REGISTRY.accounts


def test_usernames_and_ids_are_unique_on_a_platform() -> None:
    for accounts in REGISTRY.accounts.values():
        assert len({account.username for account in accounts}) == len(accounts)
        assert len({account.user_id for account in accounts}) == len(accounts)


def test_people_are_on_several_platforms_some_with_the_same_name() -> None:
    names = defaultdict(set)
    platforms = defaultdict(set)
    for accounts in REGISTRY.accounts.values():
        for account in accounts:
            names[account.person].add(account.username)
            platforms[account.person].add(account.platform)
    several = [person for person in platforms if len(platforms[person]) > 1]
    assert len(platforms) == REGISTRY.recipe.scale.people
    assert any(len(names[person]) == 1 for person in several)
    assert any(len(names[person]) > 1 for person in several)


def test_everybody_is_plainly_invented() -> None:
    for accounts in REGISTRY.accounts.values():
        for account in accounts:
            assert re.fullmatch(r"[a-z]{6}_\d{4}", account.username)
            assert re.fullmatch(r".+@(mail\.)?example\.edu", account.email)
            assert account.ip.startswith("192.0.2.")
    assert all(platform.host.endswith(".example.edu") for platform in PLATFORMS)


def test_one_run_is_on_two_platforms_and_one_has_an_old_id() -> None:
    ids = [offering.course_id for offering in OFFERINGS]
    assert len(ids) - len(set(ids)) == 1
    assert [course_id for course_id in ids if "/" in course_id] == ["SynthX/SYN.042x/2T2014"]
    assert len({(offering.platform, offering.course_id) for offering in OFFERINGS}) == len(OFFERINGS)


def test_blocks_have_names_of_their_own_and_types_nest() -> None:
    below = {
        BlockType.COURSE: {BlockType.CHAPTER},
        BlockType.CHAPTER: {BlockType.SEQUENTIAL},
        BlockType.SEQUENTIAL: {BlockType.VERTICAL},
        BlockType.VERTICAL: {BlockType.PROBLEM, BlockType.VIDEO, BlockType.HTML, BlockType.DISCUSSION},
    }
    for offering in OFFERINGS:
        blocks = list(build_run(7, offering).root.walk())
        assert len({block.url_name for block in blocks}) == len(blocks)
        for block in blocks:
            assert {child.type for child in block.children} <= below.get(block.type, set())
            assert (block.duration_s > 0) == (block.type is BlockType.VIDEO)


def test_a_log_day_of_a_site_is_mostly_the_day_before_and_of_edxorg_the_day_itself() -> None:
    windows = {platform.name: platform.log_window(FIRST_DAY) for platform in PLATFORMS}
    site = (datetime(2026, 3, 1, 3, 25, tzinfo=UTC), datetime(2026, 3, 2, 3, 25, tzinfo=UTC))
    assert windows == {
        "mitxonline": site,
        "xpro": site,
        "mitx": site,
        "edxorg": (datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)),
    }


def test_streams_are_independent_and_repeatable() -> None:
    assert stream(1, "a").random() == stream(1, "a").random()
    assert len({stream(1, "a").random(), stream(1, "b").random(), stream(2, "a").random()}) == 3


def test_rounded_keeps_the_average() -> None:
    chance = stream(1, "average")
    values = [rounded(chance, 1.3) for _ in range(4000)]
    assert set(values) == {1, 2}
    assert 1.25 < sum(values) / len(values) < 1.35


def test_take_keeps_the_order_and_never_more_than_there_is() -> None:
    assert take(stream(1, "take"), [1, 2, 3], 9) == [1, 2, 3]
    assert take(stream(1, "take"), [], 1) == []


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    lengths = sorted(len(path.read_text().splitlines()) for path in Path(ol_sandbox.__file__).parent.rglob("*.py"))
    assert lengths[-1] < 260
    assert lengths[len(lengths) // 2] < 160
