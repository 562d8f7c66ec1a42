"""Each kind of dirt can be switched by itself, and none disturbs another."""

from collections import Counter
from typing import Any

import pytest

from ol_sandbox.delivery import log_files
from ol_sandbox.dirt import CATALOGUE, OF_DATABASES, OF_PACKAGES, DirtKind, Verdict
from ol_sandbox.recipe import Recipe
from ol_sandbox.registry import Registry
from ol_sandbox.truth import Truth

ALL = frozenset(DirtKind)
OF_LOGS = ALL - {DirtKind.BROKEN_MEMBER} - OF_DATABASES - OF_PACKAGES
FORMS = {DirtKind.EVENT_AS_TEXT, DirtKind.EVENT_URL_ENCODED, DirtKind.EVENT_CUT}


def truth_of(dirt: frozenset[DirtKind]) -> dict[str, Any]:
    """What a build with this dirt would count; nothing is written."""
    recipe = Recipe(7, days=2, dirt=dirt)
    registry = Registry.build(recipe)
    truth = Truth(registry.platforms)
    for platform in registry.platforms:
        for log_file in log_files(registry, platform):
            truth.add_log_file(log_file)
    return truth.as_json(recipe.as_json())


def counts(truth: dict[str, Any]) -> dict[str, int]:
    return {name: entry["count"] for name, entry in truth["dirt"].items() if entry["count"]}


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    return truth_of(ALL)


def test_every_kind_is_described_and_occurs(everything: dict[str, Any]) -> None:
    assert set(CATALOGUE) == ALL
    assert set(counts(everything)) == {kind.value for kind in OF_LOGS}


@pytest.mark.parametrize("kind", sorted(OF_LOGS))
def test_one_kind_alone(kind: DirtKind) -> None:
    needed = {kind, DirtKind.EVENT_AS_TEXT} if kind is DirtKind.EVENT_CUT else {kind}
    truth = truth_of(frozenset(needed))
    assert set(counts(truth)) == {one.value for one in needed}
    fate = CATALOGUE[kind]
    platforms = truth["platforms"].values()
    refused = sum((Counter(platform["quarantined"]) for platform in platforms), Counter[str]())
    filtered = sum((Counter(platform["filtered"]) for platform in platforms), Counter[str]())
    blank = sum(platform["blank"] for platform in platforms)
    count = counts(truth)[kind]
    assert refused == ({fate.reason: count} if fate.verdict is Verdict.QUARANTINED else {})
    assert filtered == ({fate.reason: count} if fate.verdict is Verdict.FILTERED else {})
    assert blank == (count if fate.verdict is Verdict.BLANK else 0)


@pytest.mark.parametrize("kind", sorted(OF_LOGS - FORMS))
def test_switching_one_kind_off_leaves_the_others(everything: dict[str, Any], kind: DirtKind) -> None:
    others = {name: count for name, count in counts(everything).items() if name not in {kind, *FORMS}}
    assert {name: count for name, count in counts(truth_of(ALL - {kind})).items() if name not in FORMS} == others


def test_the_institution_behaves_alike_with_and_without_dirt(everything: dict[str, Any]) -> None:
    clean = truth_of(frozenset())
    for name, platform in clean["platforms"].items():
        dirty = everything["platforms"][name]
        spoiled = sum(dirty["quarantined"].values())
        noise = sum(everything["dirt"][kind]["by_platform"][name] for kind in NOISE_IN_QUARANTINE)
        two = everything["dirt"]["two_objects"]["by_platform"][name]
        assert platform["distinct"] == platform["events"] == platform["lines"]
        assert platform["distinct"] == dirty["distinct"] + spoiled - noise + two


NOISE_IN_QUARANTINE = ("junk", "stack_trace", "bare_value", "foreign_object")


def test_without_dirt_every_line_is_plain_json_with_a_payload_that_is_no_text(clean_sandbox: Any) -> None:
    for name, entry in clean_sandbox.truth["files"].items():
        lines = clean_sandbox.read(name)
        assert {line.code for line in lines} == {"accepted"}
        assert not any(isinstance(line.row["event"], str) for line in lines)
        assert entry["lines"] == entry["events"]
