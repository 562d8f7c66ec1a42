"""What a running stack is reached by: `OL_DATA_DIR/trino/stack.json`, written when a query has answered."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.files import atomic_writer

CATALOG = "ol_data_lake"
"""Name of the Iceberg catalogue: the first part of a table's name in Trino, and PyIceberg's name for it."""

TRINO_USER = "ol"


@dataclass(frozen=True, slots=True)
class TrinoStack:
    """One Trino with its catalogue, on this machine. `postgres_uri` holds the catalogue's password.

    `file_options` are PyIceberg's settings of an S3 store; empty where the tables are files of this machine. They hold
    no key: those come from where every S3 client looks.
    """

    host: str
    port: int
    catalog: str
    warehouse_uri: str
    postgres_uri: str = field(repr=False)
    trino_version: str = ""
    file_options: Mapping[str, str] = field(default_factory=dict)

    @property
    def user(self) -> str:
        """The user name queries are made under; there is no password."""
        return TRINO_USER

    @property
    def url(self) -> str:
        """The address of Trino's HTTP interface, for people."""
        return f"http://{self.host}:{self.port}"

    @property
    def dbt_variables(self) -> dict[str, str]:
        """What the dbt target `dev_trino` reads from the environment."""
        return {"DBT_TRINO_HOST": self.host, "DBT_TRINO_PORT": str(self.port)}


def stack_folder(data_dir: Path) -> Path:
    """Where everything of the stack but the tables lies: configuration, logs, process ids."""
    return data_dir / "trino"


def read_stack(data_dir: Path) -> TrinoStack | None:
    """The stack of a data directory that was started and not stopped; None when there is none. Asks no server.

    Raises:
        ConfigurationError: The file is there and cannot be read.
    """
    path = _path(data_dir)
    try:
        return TrinoStack(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is damaged ({error}). Run `bin/trino stop`, then `bin/trino start`."
        ) from error


def write_stack(data_dir: Path, stack: TrinoStack) -> None:
    """Tell readers of `read_stack`; the file is for its owner only."""
    path = _path(data_dir)
    with atomic_writer(path) as file:
        Path(file.name).chmod(0o600)
        file.write(json.dumps(asdict(stack), indent=2).encode())


def forget_stack(data_dir: Path) -> None:
    """From now on there is none."""
    _path(data_dir).unlink(missing_ok=True)


def _path(data_dir: Path) -> Path:
    return stack_folder(data_dir) / "stack.json"
