import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ol_orchestrate.lib.hashing import canonical_json, content_hash, derived_version, sha256_file

TEXT = st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def shuffled(value: object, rng: random.Random) -> object:
    match value:
        case dict():
            items = [(key, shuffled(item, rng)) for key, item in value.items()]
            rng.shuffle(items)
            return dict(items)
        case list():
            return [shuffled(item, rng) for item in value]
        case _:
            return value


@given(JSON, st.randoms())
def test_the_order_of_keys_does_not_matter(value, rng):
    assert canonical_json(shuffled(value, rng)) == canonical_json(value)


@given(JSON)
def test_it_is_json_of_the_same_value(value):
    assert json.loads(canonical_json(value)) == value


@given(JSON, JSON)
def test_different_values_differ(one, other):
    assert (canonical_json(one) == canonical_json(other)) == (json_text(one) == json_text(other))


def json_text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


@given(st.text(alphabet="a\U0001f600\ud83d"))
def test_half_an_emoji_is_still_valid_utf8_json(text):
    assert json.loads(canonical_json({"event": text}).decode("utf-8")) == {"event": text}


def test_what_it_looks_like():
    assert canonical_json({"b": [1, 2.5, None], "a": "é"}) == '{"a":"é","b":[1,2.5,null]}'.encode()


@pytest.mark.parametrize("value", [{1: "a"}, [{"a": {None: 1}}], ({True: 1},)])
def test_keys_that_json_would_merge_are_refused(value):
    with pytest.raises(TypeError, match="keys of a hashed value are text"):
        canonical_json(value)


@pytest.mark.parametrize("value", [float("nan"), [float("inf")]])
def test_numbers_json_does_not_have_are_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)


def test_content_hash_is_a_known_sha256():
    assert content_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_sha256_of_a_file(tmp_path: Path):
    path = tmp_path / "f"
    path.write_bytes(b"{}")

    assert sha256_file(path) == content_hash({})


def test_a_derived_version_follows_content_parser_and_options_and_nothing_else():
    base = {"content": "c", "parser": "tracking/1", "options": {"a": 1, "b": 2}}
    version = derived_version(**base)

    assert derived_version(**base | {"options": {"b": 2, "a": 1}}) == version
    others = [base | {"content": "d"}, base | {"parser": "tracking/2"}, base | {"options": {"a": 1}}]
    assert len({version, *(derived_version(**other) for other in others)}) == 4
