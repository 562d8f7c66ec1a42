"""Fixtures of the tests of what is deployed and written about it."""

from collections.abc import Callable
from itertools import pairwise

import click
import pytest

from ol_cli.main import cli


@pytest.fixture(scope="session")
def olp_knows() -> Callable[[list[str]], bool]:
    """Whether `olp` takes a line that a page shows, given as words: its commands, options and arguments."""

    def knows(words: list[str]) -> bool:
        command: click.Command = cli
        for before, word in pairwise(["", *words]):
            if word.startswith("-"):
                if not any(word in parameter.opts for parameter in command.params):
                    return False
            elif isinstance(command, click.Group):
                found = command.get_command(click.Context(command), word)
                if found is None:
                    return False
                command = found
            elif not (before.startswith("-") or any(isinstance(it, click.Argument) for it in command.params)):
                return False
        return True

    return knows
