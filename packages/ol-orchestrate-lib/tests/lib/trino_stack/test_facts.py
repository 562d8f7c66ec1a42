import stat
from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.trino_stack import CATALOG, TrinoStack, read_stack
from ol_orchestrate.lib.trino_stack.facts import forget_stack, write_stack

URI = "postgresql+psycopg2://ol:secret@127.0.0.1:1/iceberg"  # pragma: allowlist secret
STACK = TrinoStack("127.0.0.1", 1234, CATALOG, "file:///x", URI, "476")


def test_what_is_written_is_read_until_it_is_forgotten(tmp_path: Path) -> None:
    assert read_stack(tmp_path) is None
    write_stack(tmp_path, STACK)
    assert read_stack(tmp_path) == STACK
    forget_stack(tmp_path)
    forget_stack(tmp_path)
    assert read_stack(tmp_path) is None


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_stack(tmp_path, STACK)
    assert stat.S_IMODE((tmp_path / "trino" / "stack.json").stat().st_mode) == 0o600


def test_a_damaged_file_says_what_to_type(tmp_path: Path) -> None:
    (tmp_path / "trino").mkdir()
    (tmp_path / "trino" / "stack.json").write_text('{"host": 1')
    with pytest.raises(ConfigurationError, match="bin/trino stop"):
        read_stack(tmp_path)


def test_dbt_is_told_host_and_port() -> None:
    assert STACK.dbt_variables == {"DBT_TRINO_HOST": "127.0.0.1", "DBT_TRINO_PORT": "1234"}


def test_it_does_not_show_the_catalogues_password() -> None:
    assert "secret" not in repr(STACK)
