"""Settings and refusals; what it does to tables is tested on the real stack (trino_stack/test_running_stack.py)."""

import pytest
import trino

from ol_orchestrate.lib.errors import ConfigurationError, SourceUnavailable
from ol_orchestrate.lib.iceberg_maintenance import Retention, figures


def test_a_week_is_kept_when_nothing_is_said() -> None:
    assert Retention.from_environ({}) == Retention(7 * 86400, 7 * 86400)


def test_both_are_settings() -> None:
    environ = {"OL_ICEBERG_SNAPSHOT_HOURS": "24", "OL_ICEBERG_ORPHAN_HOURS": "48"}
    assert Retention.from_environ(environ) == Retention(86400, 2 * 86400)


@pytest.mark.parametrize("hours", ["0", "23", "-1", "1.5", "a week"])
def test_less_than_a_day_is_refused(hours: str) -> None:
    with pytest.raises(ConfigurationError, match=r"OL_ICEBERG_ORPHAN_HOURS is .* at least 24"):
        Retention.from_environ({"OL_ICEBERG_ORPHAN_HOURS": hours})


def test_a_trino_that_does_not_answer_is_worth_another_try() -> None:
    connection = trino.dbapi.connect(host="127.0.0.1", port=9, user="x", max_attempts=1)
    with pytest.raises(SourceUnavailable, match="Trino could not run"):
        figures(connection, "s", "t")


def test_a_name_that_is_none_reaches_no_statement() -> None:
    connection = trino.dbapi.connect(host="127.0.0.1", port=9, user="x", max_attempts=1)
    with pytest.raises(ConfigurationError, match="no name"):
        figures(connection, "s", 't"; drop')
