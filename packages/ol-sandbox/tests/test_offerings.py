"""What is taught, at every size."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from opaque_keys.edx.keys import CourseKey, UsageKey

from ol_sandbox.courses import OFFERINGS, BlockType, build_run
from ol_sandbox.offerings import current_offerings, past_offerings
from ol_sandbox.platforms import PLATFORMS
from ol_sandbox.recipe import FIRST_DAY, SIZES, Recipe
from ol_sandbox.registry import Registry

LARGER = [name for name in SIZES if name != "tiny"]


def test_tiny_stays_what_it_was() -> None:
    registry = Registry.build(Recipe(7))
    assert current_offerings(SIZES["tiny"].invented_runs) == OFFERINGS
    assert [platform.name for platform in registry.platforms] == ["mitxonline", "xpro", "edxorg"]
    assert len(registry.exported_runs) == 2


@pytest.mark.parametrize("size", LARGER)
class TestLarger:
    def test_each_run_is_on_its_platform_once_and_every_platform_has_both_forms_of_id(self, size: str) -> None:
        offerings = current_offerings(SIZES[size].invented_runs)
        assert len({(offering.platform, offering.course_id) for offering in offerings}) == len(offerings)
        forms = defaultdict(set)
        for offering in offerings:
            forms[offering.platform].add(offering.old_form)
        assert forms == {platform.name: {True, False} for platform in PLATFORMS}

    def test_three_runs_are_on_two_platforms(self, size: str) -> None:
        counts = Counter(offering.course_id for offering in current_offerings(SIZES[size].invented_runs))
        assert sorted(counts.values())[-4:] == [1, 2, 2, 2]

    def test_every_key_parses(self, size: str) -> None:
        for offering in current_offerings(SIZES[size].invented_runs):
            run = build_run(1, offering)
            assert CourseKey.from_string(run.course_id).run == offering.run
            for block in run.root.below(BlockType.PROBLEM):
                assert UsageKey.from_string(run.usage_key(block)).block_id == block.url_name

    def test_archives_are_delivered_for_every_site(self, size: str) -> None:
        exported = {offering.platform for offering in current_offerings(SIZES[size].invented_runs) if offering.exported}
        assert exported == {"mitxonline", "xpro", "mitx"}


def test_past_runs_are_over_and_are_no_current_run_again() -> None:
    current = {(offering.platform, offering.course_id) for offering in current_offerings(8)}
    for offering in past_offerings(tuple(platform.name for platform in PLATFORMS)):
        assert offering.starts_at.date() < FIRST_DAY
        assert (offering.platform, offering.course_id) not in current
    assert {offering.platform for offering in past_offerings(("xpro",))} == {"xpro"}


def test_days_and_dirt_do_not_change_a_larger_institution() -> None:
    registry = Registry.build(Recipe(7, "small", days=10))
    other = Registry.build(Recipe(7, "small", days=1, dirt=frozenset()))
    assert replace(other, recipe=registry.recipe) == registry
    assert len(registry.platforms) == 4


def test_sizes_grow() -> None:
    numbers = [(size.people, size.days, size.sessions_per_day) for size in SIZES.values()]
    assert list(zip(*numbers, strict=True)) == [tuple(sorted(column)) for column in zip(*numbers, strict=True)]
