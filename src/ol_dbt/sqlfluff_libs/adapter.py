# ruff: noqa: INP001 (sqlfluff loads this folder by its path)
"""dbt's `adapter`, for sqlfluff: a dispatched function becomes a call of the same name, so that SQL can be read."""

from collections.abc import Callable


def dispatch(macro_name: str) -> Callable[..., str]:
    """A stand-in for the form of a macro that the engine has."""

    def form(*arguments: object) -> str:
        column = arguments[0] if arguments and isinstance(arguments[0], str) else "'...'"
        return f"{macro_name}({column})"

    return form
