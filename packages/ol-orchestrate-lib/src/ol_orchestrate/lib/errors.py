"""The error tree: what went wrong, and whether trying again can help.

The core raises these; `ol_orchestrate.failures` is the one place that tells Dagster what they mean. A message says what
was attempted, on what, what was found, and what to type.
"""

# ruff: noqa: N818 (they are named for what happened, as the retry rules read)

from collections.abc import Mapping


def without_query(url: str) -> str:
    """The address up to its query, which may carry tokens."""
    return url.partition("?")[0].partition("#")[0]


class OLDataError(Exception):
    """Any failure this platform understands."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes hand errors back by pickle, which otherwise calls the class with the message alone.
        return (_rebuild, (type(self), self.args, self.__dict__))

    def details(self) -> Mapping[str, object]:
        """The facts beside the message, by name, for run metadata; empty ones are left out."""
        return {name: value for name, value in self.__dict__.items() if name != "message" and value not in (None, "")}


def _rebuild[ErrorT: OLDataError](
    cls: type[ErrorT], args: tuple[object, ...], attributes: Mapping[str, object]
) -> ErrorT:
    error = cls.__new__(cls, *args)
    error.__dict__.update(attributes)
    return error


class ConfigurationError(OLDataError):
    """A setting is missing, unknown or contradicts another one. Never retried."""


class SecretUnavailable(OLDataError):
    """A secret could not be read; worth a retry only when the store itself did not answer."""

    def __init__(self, message: str, *, path: str, store: str, reachable: bool = True) -> None:
        super().__init__(message)
        self.path = path
        self.store = store
        self.reachable = reachable


class StorageFull(OLDataError):
    """The disk under `path` has no room. Not retried: somebody has to make room first."""

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class SourceError(OLDataError):
    """A system we read from or write to refused or did not answer; `url` never holds a query."""

    def __init__(self, message: str, *, system: str, operation: str, url: str = "") -> None:
        super().__init__(message)
        self.system = system
        self.operation = operation
        self.url = without_query(url)


class SourceUnavailable(SourceError):
    """Time-out, 408, 429 or 5xx: a bounded retry, not before `retry_after_s` when the system named a time."""

    def __init__(
        self, message: str, *, system: str, operation: str, url: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, system=system, operation=operation, url=url)
        self.retry_after_s = retry_after_s


class SourceRejected(SourceError):
    """The system understood and said no (any other 4xx). Never retried, by any mechanism."""


class WarehouseBusy(SourceUnavailable):
    """Another process holds the warehouse for writing."""


class MalformedInput(OLDataError):
    """Input that cannot be read as what it claims to be: one row goes to quarantine, a whole input fails for good.

    `position` is a line, byte or member as text, such as `"line 12"`; `reason` is a short code that can be counted.
    """

    def __init__(self, message: str, *, source: str, position: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.source = source
        self.position = position
        self.reason = reason


class UpstreamObjectMissing(OLDataError):
    """What a materialization says it wrote is not there. Permanent until the upstream asset is materialized again."""

    def __init__(self, message: str, *, asset_key: str, partition: str | None, uri: str) -> None:
        super().__init__(message)
        self.asset_key = asset_key
        self.partition = partition
        self.uri = uri
