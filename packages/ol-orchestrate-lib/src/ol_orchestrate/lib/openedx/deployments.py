"""The Open edX sites, and where tracking logs come from: `dg_deployments/openedx.yaml` as values.

One entry per site drives resources, assets, partitions, sensors, jobs, raw tables and dbt. What can be derived from
an entry is derived here, once.
"""

import re
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Annotated, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ol_orchestrate.lib.environment import Environment, project_root
from ol_orchestrate.lib.errors import ConfigurationError

VALID_FOLDER = "valid"
JSONIFIED_FOLDER = "jsonified"


@dataclass(frozen=True, slots=True)
class TrackingSource:
    """Where the tracking logs of one platform lie, and the raw table they become.

    `bucket` holds the placeholder `{environment}`; `prefix` is where raw logs are delivered and never written to.
    """

    name: str
    bucket: str
    prefix: str
    since: Mapping[str, date]
    raw_table: str

    @property
    def valid_prefix(self) -> str:
        """Where normalized logs go, beside the raw prefix."""
        return self._sibling(VALID_FOLDER)

    @property
    def jsonified_prefix(self) -> str:
        """Where normalized logs with `event` and `context` as JSON go, beside the raw prefix."""
        return self._sibling(JSONIFIED_FOLDER)

    def start_date(self, env: Environment) -> date:
        """The first UTC day there are logs for; every environment but production counts from qa's."""
        return self.since["production" if env is Environment.PRODUCTION else "qa"]

    def _sibling(self, folder: str) -> str:
        return str(PurePosixPath(self.prefix).with_name(folder))


@dataclass(frozen=True, slots=True)
class Deployment:
    """One Open edX site. `name` is its platform name everywhere; `raw_prefix` starts the name of its raw tables."""

    name: str
    title: str
    enabled: bool
    lms_url: str
    secret_path: str
    raw_prefix: str
    tracking_logs: TrackingSource

    @property
    def tracking_source(self) -> TrackingSource:
        """Where this site's tracking logs lie."""
        return self.tracking_logs


@dataclass(frozen=True, slots=True)
class Deployments:
    """The sites of this process in file order, and the tracking logs that come without an LMS of ours."""

    sites: tuple[Deployment, ...]
    other_tracking_sources: tuple[TrackingSource, ...]

    @property
    def tracking_sources(self) -> tuple[TrackingSource, ...]:
        """The sites' own sources, then the others."""
        return tuple(site.tracking_logs for site in self.sites) + self.other_tracking_sources

    def narrowed(self, names: str) -> Self:
        """Only the sites of a comma-separated list, still in file order; an empty list narrows nothing.

        Raises:
            ConfigurationError: A name is not that of an enabled site.
        """
        wanted = {name.strip() for name in names.split(",")} - {""}
        known = {site.name for site in self.sites}
        if unknown := sorted(wanted - known):
            raise ConfigurationError(
                f"OPENEDX_DEPLOYMENTS names {', '.join(unknown)}; the enabled sites are {', '.join(sorted(known))}."
            )
        sites = tuple(site for site in self.sites if not wanted or site.name in wanted)
        return type(self)(sites, self.other_tracking_sources)


def load_deployments(environ: Mapping[str, str]) -> Deployments:
    """The enabled sites of this process, narrowed by OPENEDX_DEPLOYMENTS.

    Reads one file: OL_OPENEDX_DEPLOYMENTS, or `dg_deployments/openedx.yaml` of the project; a relative path counts from
    the project.

    Raises:
        ConfigurationError: The file is missing or wrong (the message names file, entry and field), or a name to narrow
            to is unknown.
    """
    given = environ.get("OL_OPENEDX_DEPLOYMENTS") or "dg_deployments/openedx.yaml"
    path = Path(given) if Path(given).is_absolute() else project_root(environ) / given
    return read_deployments(path).narrowed(environ.get("OPENEDX_DEPLOYMENTS", ""))


def read_deployments(path: Path) -> Deployments:
    """The enabled sites of one file.

    Raises:
        ConfigurationError: As in `load_deployments`.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise ConfigurationError(
            f"The list of Open edX sites {path} cannot be read ({error.strerror}). "
            "Set OL_OPENEDX_DEPLOYMENTS to a file like dg_deployments/openedx.yaml."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    try:
        entries = _File.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(_explain(path, error)) from error
    return entries.to_deployments()


def _names(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise ValueError(f"{value!r} is not a name: lower-case letters, digits and underscores, a letter first")
    return value


def _bucket(value: str) -> str:
    rest = value.replace("{environment}", "x")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{2,62}", rest):
        raise ValueError(f"{value!r} is not a bucket's name; the only placeholder is {{environment}}")
    return value


def _prefix(value: str) -> str:
    parts = value.split("/")
    if "" in parts or ".." in parts or "." in parts:
        raise ValueError(f"{value!r} must be like 'logs' or 'folder/logs', without a slash at either end")
    if parts[-1] in (VALID_FOLDER, JSONIFIED_FOLDER):
        raise ValueError(f"{value!r} is where normalized logs are written; raw logs need a folder of their own")
    return value


def _raw_prefix(value: str) -> str:
    if not re.fullmatch(r"raw__[a-z0-9]+(_{1,2}[a-z0-9]+)*", value):
        raise ValueError(f"{value!r} must be like 'raw__mitx__openedx'")
    return value


_Name = Annotated[str, AfterValidator(_names)]
_Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Since(_Strict):
    qa: date
    production: date


class _TrackingEntry(_Strict):
    bucket: Annotated[str, AfterValidator(_bucket)]
    prefix: Annotated[str, AfterValidator(_prefix)]
    since: _Since

    def to_source(self, name: str, raw_table: str) -> TrackingSource:
        return TrackingSource(name, self.bucket, self.prefix, dict(self.since), raw_table)


class _SiteEntry(_Strict):
    title: _Text
    enabled: bool = True
    lms_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
    secret_path: _Text
    raw_prefix: Annotated[str, AfterValidator(_raw_prefix)]
    tracking_logs: _TrackingEntry

    def to_deployment(self, name: str) -> Deployment:
        source = self.tracking_logs.to_source(name, f"{self.raw_prefix}__tracking_logs")
        return Deployment(
            name, self.title, self.enabled, self.lms_url.rstrip("/"), self.secret_path, self.raw_prefix, source
        )


class _File(_Strict):
    deployments: dict[_Name, _SiteEntry] = Field(min_length=1)
    tracking_sources: dict[_Name, _TrackingEntry] = {}

    @model_validator(mode="after")
    def _names_and_tables_are_unique(self) -> Self:
        prefixes = Counter(entry.raw_prefix for entry in self.deployments.values())
        for raw_prefix, count in prefixes.items():
            if count > 1:
                raise ValueError(f"raw_prefix {raw_prefix} is used twice; every site has its own raw tables")
        for name in self.tracking_sources:
            if name in self.deployments:
                raise ValueError(f"tracking source {name} is a site already; give it another name")
        return self

    def to_deployments(self) -> Deployments:
        sites = tuple(entry.to_deployment(name) for name, entry in self.deployments.items() if entry.enabled)
        others = tuple(
            entry.to_source(name, f"raw__{name}__s3__tracking_logs") for name, entry in self.tracking_sources.items()
        )
        return Deployments(sites, others)


def _explain(path: Path, error: ValidationError) -> str:
    problems = (
        f"  {'.'.join(str(part) for part in problem['loc']) or 'the file'}: {problem['msg']}"
        + ("" if isinstance(problem["input"], dict | None) else f" (found {problem['input']!r})")
        for problem in error.errors()
    )
    return "\n".join([f"{path} does not describe Open edX sites:", *problems])


class _UniqueKeyLoader(yaml.SafeLoader):
    """Plain YAML, where a second entry of the same name is an error and not a silent replacement."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:  # noqa: FBT001 (PyYAML's signature)
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)
