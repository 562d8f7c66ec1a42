"""Secrets as values that do not show themselves, and where they come from on a laptop."""

import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn, override

import yaml

from ol_orchestrate.lib.errors import ConfigurationError

SECRETS_FILE_VARIABLE = "OL_SECRETS_FILE"


class Secret(Mapping[str, str]):
    """The fields of one secret. Printing one shows the names of its fields and none of their values."""

    __slots__ = ("_fields", "_path")

    def __init__(self, path: str, fields: Mapping[str, str]) -> None:
        self._path = path
        self._fields = dict(fields)

    @override
    def __getitem__(self, name: str) -> str:
        return self._fields[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    @override
    def __len__(self) -> int:
        return len(self._fields)

    @override
    def __repr__(self) -> str:
        return f"Secret({self._path!r}, fields={sorted(self._fields)})"

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} is not written to disk: hand over its path and read it where it is used")


def variable_prefix(path: str) -> str:
    """How the variables of a secret begin: `"pipelines/edx/mitx"` gives `OL_SECRET_PIPELINES_EDX_MITX__`."""
    return f"OL_SECRET_{re.sub(r'[^A-Za-z0-9]+', '_', path).strip('_').upper()}__"


def fields_from_variables(environ: Mapping[str, str], path: str) -> dict[str, str]:
    """The fields of a secret that are set in the environment, by name in lower case; empty ones count as not set."""
    prefix = variable_prefix(path)
    return {
        variable.removeprefix(prefix).lower(): value
        for variable, value in environ.items()
        if variable.startswith(prefix) and value
    }


def fields_from_file(file: Path, path: str) -> dict[str, str]:
    """The fields of a secret in a YAML file of `path: {field: value}`; empty when the file does not name the path.

    Raises:
        ConfigurationError: The file is missing, readable by others, or of another shape. Never quotes its content.
    """
    _refuse_open_file(file)
    entry = _document(file).get(path, {})
    if not isinstance(entry, dict) or not all(isinstance(value, str | int) for value in entry.values()):
        raise ConfigurationError(
            f"{file}: the entry {path} must be a list of `field: text` lines. Put values in quotes."
        )
    return {str(name): str(value) for name, value in entry.items()}


def _refuse_open_file(file: Path) -> None:
    try:
        status = file.stat()
    except OSError as error:
        raise ConfigurationError(
            f"{SECRETS_FILE_VARIABLE} names {file}, which cannot be read ({error.strerror}). "
            f"Correct {SECRETS_FILE_VARIABLE}, or unset it."
        ) from error
    if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
        raise ConfigurationError(
            f"The secrets file {file} must be a plain file that only you can read. Type `chmod 600 {file}`."
        )


def _document(file: Path) -> dict[object, object]:
    line = ""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # The parser's own message quotes the line it stumbled over, and with it the secret.
        document, mark = None, getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
    if not isinstance(document, dict):
        raise ConfigurationError(f"The secrets file {file} must be YAML of `path: {{field: value}}` entries{line}.")
    return document
