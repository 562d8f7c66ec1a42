"""Where we are: the environment's name, and the places that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.files import atomic_writer

DATA_DIR_FORMAT = "1"
"""Raise this when files below OL_DATA_DIR change their meaning or place, so that an old folder is not misread."""

_DEPLOYMENTS_FILE = Path("dg_deployments", "openedx.yaml")


class Environment(StrEnum):
    """The four places the platform runs in."""

    DEV = "dev"
    CI = "ci"
    QA = "qa"
    PRODUCTION = "production"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The environment named by DAGSTER_ENV, or its older name DAGSTER_ENVIRONMENT; `dev` when neither is set.

        Raises:
            ConfigurationError: The name is unknown, or the two variables contradict each other.
        """
        names = {name: environ[name] for name in ("DAGSTER_ENV", "DAGSTER_ENVIRONMENT") if environ.get(name)}
        if len(set(names.values())) > 1:
            raise ConfigurationError(
                f"DAGSTER_ENV is {names['DAGSTER_ENV']!r} but DAGSTER_ENVIRONMENT is {names['DAGSTER_ENVIRONMENT']!r}; "
                "they name the same thing. Unset DAGSTER_ENVIRONMENT."
            )
        for variable, value in names.items():
            if value not in set(cls):
                raise ConfigurationError(f"{variable} is {value!r}; it must be one of {', '.join(cls)}.")
            return cls(value)
        return cls("dev")

    @property
    def bucket_name(self) -> str:
        """The word that stands for this environment in a bucket's name; dev reads what qa reads."""
        return "qa" if self is Environment.DEV else self.value

    @property
    def is_local(self) -> bool:
        """True where buckets are folders and secrets come from the environment or a file."""
        return self in (Environment.DEV, Environment.CI)


@dataclass(frozen=True, slots=True)
class Storage:
    """The places of one environment; `data_dir` is absolute. Making one touches no disk."""

    environment: Environment
    data_dir: Path

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The storage of this process: OL_DATA_DIR, else `.ol` in the project; a relative path counts from there.

        Raises:
            ConfigurationError: The environment is unknown, or the project cannot be found.
        """
        environment = Environment.from_environ(environ)
        data_dir = environ.get("OL_DATA_DIR") or ".ol"
        if data_dir.startswith("~"):
            raise ConfigurationError(f"OL_DATA_DIR is {data_dir!r}; write the folder's full path instead of a '~'.")
        if not Path(data_dir).is_absolute():
            return cls(environment, project_root(environ) / data_dir)
        return cls(environment, Path(data_dir))

    @property
    def landing_uri(self) -> str:
        """Root of the landing zone: what the object keys of `s3file_io_manager` are relative to."""
        return self._place("landing", "s3://ol-data-lake-landing-zone-{environment}")

    @property
    def quarantine_uri(self) -> str:
        """Root of the rows that could not be read."""
        return self._place("quarantine", "s3://ol-data-lake-landing-zone-{environment}/quarantine")

    def bucket_uri(self, bucket_template: str) -> str:
        """Where a source bucket is, such as `"mitx-{environment}-edxapp-tracking"`; a folder in dev and ci."""
        bucket = bucket_template.replace("{environment}", self.environment.bucket_name)
        return self._place(f"sources/{bucket}", f"s3://{bucket}")

    @property
    def warehouse_path(self) -> Path:
        """The embedded warehouse's own file; only its one writer opens it."""
        return self.data_dir / "warehouse" / "ol_warehouse.duckdb"

    @property
    def published_path(self) -> Path:
        """The copy of the warehouse that readers open."""
        return self.data_dir / "warehouse" / "published.duckdb"

    def _place(self, folder: str, uri: str) -> str:
        if self.environment.is_local:
            return f"file://{self.data_dir / folder}"
        return uri.replace("{environment}", self.environment.bucket_name)


def project_root(environ: Mapping[str, str]) -> Path:
    """The checkout: OL_PROJECT_ROOT, else the nearest folder above this file that holds `dg_deployments/openedx.yaml`.

    Raises:
        ConfigurationError: There is none.
    """
    if given := environ.get("OL_PROJECT_ROOT"):
        if not Path(given).is_absolute() or not Path(given).is_dir():
            raise ConfigurationError(f"OL_PROJECT_ROOT is {given!r}; it must be the full path of an existing folder.")
        return Path(given)
    for folder in Path(__file__).resolve().parents:
        if (folder / _DEPLOYMENTS_FILE).is_file():
            return folder
    raise ConfigurationError(
        f"No folder above {Path(__file__).resolve().parent} holds {_DEPLOYMENTS_FILE}. "
        "Set OL_PROJECT_ROOT to the full path of the checkout."
    )


def ensure_data_dir(storage: Storage) -> Path:
    """`check_data_dir` for the data directory of an environment; returns it."""
    return check_data_dir(storage.data_dir)


def check_data_dir(data_dir: Path) -> Path:
    """Make a data directory and its format marker, and return it. Calling it again changes nothing.

    Raises:
        ConfigurationError: The folder was written in another format, or cannot be written at all.
        StorageFull: No room for the marker.
    """
    marker = data_dir / "FORMAT"
    try:
        if marker.exists():
            _check_format(data_dir, marker.read_text(encoding="utf-8", errors="replace").strip())
        else:
            with atomic_writer(marker) as file:
                file.write(f"{DATA_DIR_FORMAT}\n".encode())
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise ConfigurationError(
            f"The data folder {data_dir} cannot be used ({error.strerror}). "
            "Set OL_DATA_DIR to a folder you may write to."
        ) from error
    return data_dir


def _check_format(data_dir: Path, found: str) -> None:
    if found == DATA_DIR_FORMAT:
        return
    newer = found.isdecimal() and int(found) > int(DATA_DIR_FORMAT)
    remedy = (
        "It was written by a newer version: update this checkout (`git pull && uv sync`)"
        if newer
        else "All of it can be made again: remove it (`bin/demo --clean`)"
    )
    raise ConfigurationError(
        f"The data folder {data_dir} has format {found[:20]!r}, and this version reads {DATA_DIR_FORMAT!r}. "
        f"{remedy}, or set OL_DATA_DIR to another folder."
    )
