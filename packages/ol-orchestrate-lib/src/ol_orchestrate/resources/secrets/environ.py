"""Secrets of a laptop and of continuous integration: environment variables, and a file."""

import os
from pathlib import Path
from typing import override

from ol_orchestrate.lib.errors import SecretUnavailable
from ol_orchestrate.lib.secrets import (
    SECRETS_FILE_VARIABLE,
    Secret,
    fields_from_file,
    fields_from_variables,
    variable_prefix,
)
from ol_orchestrate.resources.secrets.store import SecretStore


class EnvironmentSecretStore(SecretStore):
    """Secrets from `OL_SECRET_<PATH>__<FIELD>` variables and the YAML file OL_SECRETS_FILE; a variable wins.

    Both are read at every use and never kept, so a corrected value counts without a restart of the file's readers.
    """

    @override
    def read(self, path: str) -> Secret:
        file = os.environ.get(SECRETS_FILE_VARIABLE)
        fields = fields_from_file(Path(file), path) if file else {}
        fields |= fields_from_variables(os.environ, path)
        if not fields:
            raise SecretUnavailable(_what_to_type(path, file), path=path, store="environment")
        return Secret(path, fields)


def _what_to_type(path: str, file: str | None) -> str:
    where = (
        f"add `{path}: {{FIELD: '…'}}` to {file}" if file else f"set {SECRETS_FILE_VARIABLE} to a file that holds it"
    )
    return (
        f"No secret {path}: no variable starts with {variable_prefix(path)}"
        + (f", and {file} does not name it" if file else "")
        + f". Type `export {variable_prefix(path)}FIELD='…'` for each of its fields, or {where}, and start again."
    )
