"""Versions: the hash of what something is, never of when it was fetched or how a dictionary was ordered."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path


def canonical_json(value: object) -> bytes:
    r"""The one JSON text of a value: keys sorted, no spaces, UTF-8, no newline at the end.

    Equal values give equal bytes whatever the order of their keys. Half a surrogate pair (a text cut inside an emoji)
    has no UTF-8 form; a value that holds one is written with `\u` escapes throughout, so the bytes stay valid JSON.

    Raises:
        TypeError: The value holds something JSON has no word for, a date for example, or keys that are not text.
        ValueError: The value holds NaN or an infinity.
    """
    _refuse_other_keys(value)
    try:
        return _dumps(value, ascii_only=False).encode("utf-8")
    except UnicodeEncodeError:
        return _dumps(value, ascii_only=True).encode("ascii")


def content_hash(value: object) -> str:
    """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits. Streams: constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def derived_version(*, content: str, parser: str, options: Mapping[str, object]) -> str:
    """The version of what `parser` makes of an input: a new input, parser or option gives another one.

    Args:
        content: The hash of the input.
        parser: Name and version of the code that derives, such as `"tracking/3"`.
        options: Everything else the result depends on; JSON values.
    """
    return content_hash({"content": content, "options": dict(options), "parser": parser})


def _dumps(value: object, *, ascii_only: bool) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only, allow_nan=False)


def _refuse_other_keys(value: object) -> None:
    # json.dumps would write the keys 1 and "1" alike, and two different values would share one version.
    match value:
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise TypeError(f"the key {key!r} is a {type(key).__name__}; keys of a hashed value are text")
                _refuse_other_keys(item)
        case list() | tuple():
            for item in value:
                _refuse_other_keys(item)
