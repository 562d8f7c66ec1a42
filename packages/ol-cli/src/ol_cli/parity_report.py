"""What a comparison found, for people and for programs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from ol_cli.parity_compare import Difference

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model: its rows in each engine, how many columns were compared, and what is not the same."""

    model: str
    rows: Mapping[str, int]
    columns: int
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Nothing differs, and there was something to compare."""
        return not self.differences


@dataclass(slots=True)
class Report:
    """One comparison: engines and versions, models as they are done, and the seconds of each step."""

    engines: Mapping[str, str]
    models: list[ModelReport] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Every model is."""
        return all(model.equal for model in self.models)

    def as_json(self) -> dict[str, object]:
        """What `--json` prints."""
        return {
            "engines": dict(self.engines),
            "models": [
                {
                    "model": model.model,
                    "rows": dict(model.rows),
                    "equal": model.equal,
                    "columns": model.columns,
                    "differences": [_difference(difference) for difference in model.differences],
                }
                for model in self.models
            ],
            "seconds": {name: round(seconds, 2) for name, seconds in self.seconds.items()},
        }


def in_words(model: ModelReport) -> Iterator[str]:
    """One line for a model, and one below for each difference."""
    rows = " / ".join(f"{count:,} {engine}" for engine, count in model.rows.items()) or "not there"
    yield f"{'equal' if model.equal else 'DIFFERS':<8} {model.model:<40} {rows} rows, {model.columns} columns"
    for difference in model.differences:
        place = " ".join(f"{name}={_shown(value)}" for name, value in (difference.key or {}).items())
        values = ", ".join(f"{engine}: {_shown(value)}" for engine, value in difference.values.items())
        yield f"           {difference.kind} {difference.column or ''} [{place}] {values}"


def _difference(difference: Difference) -> dict[str, object]:
    found: dict[str, object] = {"kind": difference.kind}
    if difference.column is not None:
        found["column"] = difference.column
    if difference.key is not None:
        found["key"] = _plain(difference.key)
    return found | {"values": _plain(difference.values)}


def _plain(value: object) -> object:
    """A value JSON can hold; text is cut where it is long, since a report goes to a terminal or a log."""
    match value:
        case Mapping():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return str(value)
        case bytes():
            return value[: _SHOWN_CHARACTERS // 2].hex()
        case str() if len(value) > _SHOWN_CHARACTERS:
            return f"{value[:_SHOWN_CHARACTERS]}…"
        case float() if value != value or value in (float("inf"), float("-inf")):
            return str(value)
    return value


def _shown(value: object) -> str:
    return repr(_plain(value))
