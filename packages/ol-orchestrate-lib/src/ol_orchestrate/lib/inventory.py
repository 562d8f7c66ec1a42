"""The raw tables of the warehouse: `dg_deployments/inventory.yaml` as values.

One entry of the file is one table, or one per Open edX site. Assets, the loader, dbt's sources and the list of personal
data are all derived from the values made here; nothing else says what a raw table holds.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ol_orchestrate.lib.environment import Storage, project_root
from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.openedx.deployments import Deployment, Deployments

RAW_SCHEMA = "ol_warehouse_raw_data"
"""Schema of every raw table, first part of its asset key, and the name of the dbt source."""

INVENTORY_FILE = Path("dg_deployments", "inventory.yaml")

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class ColumnType(StrEnum):
    """The types a raw column may have; each engine has a name of its own for them."""

    TEXT = "text"
    BIGINT = "bigint"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    JSON = "json"
    TIMESTAMP = "timestamp"


class FileFormat(StrEnum):
    """How the files of a table are written: Parquet, one JSON object a line, or one JSON document a file."""

    PARQUET = "parquet"
    JSONL = "jsonl"
    JSON = "json"


class PersonalData(StrEnum):
    """What a column tells about a person: who it is, or something about them."""

    IDENTIFIER = "identifier"
    ATTRIBUTE = "attribute"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a raw table."""

    name: str
    type: ColumnType
    description: str
    personal: PersonalData | None = None


@dataclass(frozen=True, slots=True)
class FileSource:
    """Where the files of a table are: below `prefix` of the landing zone, or of `bucket` where one is named."""

    prefix: str
    format: FileFormat
    bucket: str | None = None

    def root_uri(self, storage: Storage) -> str:
        """The root that `prefix` and all object keys are relative to."""
        return storage.bucket_uri(self.bucket) if self.bucket else storage.landing_uri


@dataclass(frozen=True, slots=True)
class Freshness:
    """How many hours after the last load a table is late, and when it is too late."""

    warn_after_hours: int
    error_after_hours: int


@dataclass(frozen=True, slots=True)
class RawTable:
    """One raw table: what its rows are, where they come from, and what they hold.

    `keys` tell one row from another within the partition it was delivered in.
    """

    name: str
    platform: str
    entity: str
    group: str
    engine: str
    source: FileSource
    keys: tuple[str, ...]
    freshness: Freshness
    description: str
    columns: tuple[Column, ...]

    @property
    def asset_key(self) -> tuple[str, str]:
        """Key of the Dagster asset: the schema and the table."""
        return (RAW_SCHEMA, self.name)

    @property
    def upstream_asset_key(self) -> tuple[str, ...] | None:
        """The asset that writes the files; None when they are not in the landing zone."""
        return None if self.source.bucket else tuple(self.source.prefix.split("/"))

    @property
    def personal_data(self) -> dict[str, PersonalData]:
        """The columns that hold personal data, and of which kind."""
        return {column.name: column.personal for column in self.columns if column.personal}


def load_inventory(environ: Mapping[str, str], deployments: Deployments) -> tuple[RawTable, ...]:
    """Every raw table of these sites, in the order of the project's inventory.

    Raises:
        ConfigurationError: The file is missing or wrong; the message names the entry and the field.
    """
    return read_inventory(project_root(environ) / INVENTORY_FILE, deployments)


def read_inventory(path: Path, deployments: Deployments) -> tuple[RawTable, ...]:
    """Every raw table of one inventory file for these sites.

    Raises:
        ConfigurationError: As in `load_inventory`.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"The inventory of raw tables {path} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    try:
        entries = _File.model_validate(document).tables
    except ValidationError as error:
        raise ConfigurationError(_explain(path, error)) from error
    tables = tuple(table for entry in entries for table in entry.expand(deployments.sites))
    _refuse_duplicates(path, (table.name for table in tables))
    return tables


def _refuse_duplicates(path: Path, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigurationError(f"{path} describes the raw table {name} twice.")
        seen.add(name)


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", _PLACEHOLDER.sub("x", value)):
        raise ValueError(f"{value!r} is not a name: lower-case letters, digits and underscores, a letter first")
    return value


def _grain(value: str) -> str:
    if "One row per " not in value:
        raise ValueError("must end with the grain: 'One row per ...'")
    return value


_Name = Annotated[str, AfterValidator(_identifier)]
_Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ColumnEntry(_Strict):
    name: _Name
    type: ColumnType
    description: _Text
    personal: PersonalData | None = None

    def to_column(self) -> Column:
        return Column(self.name, self.type, self.description, self.personal)


class _SourceEntry(_Strict):
    prefix: Annotated[str, Field(pattern=r"^[^/].*[^/]$")]
    format: FileFormat
    bucket: _Text | None = None


class _FreshnessEntry(_Strict):
    warn_after_hours: int = Field(gt=0)
    error_after_hours: int = Field(gt=0)


class _TableEntry(_Strict):
    name: _Name
    for_each: Literal["site"] | None = None
    platform: _Name | None = None
    entity: _Name
    group: _Name
    engine: Literal["files"]
    source: _SourceEntry
    keys: tuple[_Name, ...] = Field(min_length=1)
    freshness: _FreshnessEntry
    description: Annotated[str, AfterValidator(_grain)]
    columns: tuple[_ColumnEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.for_each is None) == (self.platform is None):
            raise ValueError("needs either `for_each: site` or a `platform`")
        names = [column.name for column in self.columns]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"columns are there twice: {', '.join(sorted(twice))}")
        if unknown := set(self.keys) - set(names):
            raise ValueError(f"keys are not among the columns: {', '.join(sorted(unknown))}")
        known = set(_site_values(None)) if self.for_each else set()
        if wrong := self._placeholders() - known - {"environment"}:
            raise ValueError(f"unknown placeholders: {', '.join(sorted(wrong))}")
        if self.for_each and "{raw_prefix}" not in self.name and "{site}" not in self.name:
            raise ValueError("the name must hold {raw_prefix} or {site}, or every site would have the same table")
        return self

    def expand(self, sites: Iterable[Deployment]) -> Iterator[RawTable]:
        if self.for_each is None:
            yield self._to_table(str(self.platform), {})
            return
        for site in sites:
            yield self._to_table(site.name, _site_values(site))

    def _placeholders(self) -> set[str]:
        return set(_PLACEHOLDER.findall(" ".join([self.name, self.source.prefix, self.source.bucket or ""])))

    def _to_table(self, platform: str, values: Mapping[str, str]) -> RawTable:
        bucket = self.source.bucket and _fill(self.source.bucket, values)
        return RawTable(
            name=_fill(self.name, values),
            platform=platform,
            entity=self.entity,
            group=self.group,
            engine=self.engine,
            source=FileSource(_fill(self.source.prefix, values), self.source.format, bucket),
            keys=self.keys,
            freshness=Freshness(self.freshness.warn_after_hours, self.freshness.error_after_hours),
            description=self.description,
            columns=tuple(column.to_column() for column in self.columns),
        )


class _File(_Strict):
    tables: tuple[_TableEntry, ...] = Field(min_length=1)


def _site_values(site: Deployment | None) -> dict[str, str]:
    """What the placeholders of a `for_each: site` entry stand for; their names alone when no site is given."""
    if site is None:
        return dict.fromkeys(("site", "raw_prefix", "tracking_bucket", "tracking_valid_prefix"), "")
    return {
        "site": site.name,
        "raw_prefix": site.raw_prefix,
        "tracking_bucket": site.tracking_source.bucket,
        "tracking_valid_prefix": site.tracking_source.valid_prefix,
    }


def _fill(template: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


def _explain(path: Path, error: ValidationError) -> str:
    problems = (f"  {'.'.join(str(part) for part in p['loc']) or 'the file'}: {p['msg']}" for p in error.errors())
    return "\n".join([f"{path} does not describe raw tables:", *problems])
