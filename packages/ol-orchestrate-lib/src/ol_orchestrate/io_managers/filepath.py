"""Assets that are files: published to the landing zone, recorded, and handed on as paths.

One class for every store UPath knows. What an asset hands over is a `FileObject`; what the next one is given is a
`UPath`, or a dictionary of them by partition.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_origin, override

import dagster as dg
from pydantic import Field

from ol_orchestrate.failures import reported_failures
from ol_orchestrate.lib.environment import Storage, check_data_dir
from ol_orchestrate.lib.errors import ConfigurationError, MalformedInput, UpstreamObjectMissing
from ol_orchestrate.lib.files import FileObject
from ol_orchestrate.lib.hashing import sha256_file
from ol_orchestrate.lib.landing import LandedObject, LandingZone, Manifest, directory_of, version_of

if TYPE_CHECKING:
    from upath import UPath

ROW_COUNT = "dagster/row_count"


class FileObjectIOManager(dg.ConfigurableIOManager):
    """Publishes files under content-addressed keys and keeps the manifest of each asset partition.

    A key is `<asset key>/<partition>/<version>.<extension>`, unpartitioned without the middle part. The object is
    written first and recorded second; one that is there already is not written again, and is recorded all the same.
    """

    root_uri: str = Field(description="Root of the landing zone: file://, s3:// or memory://.")
    data_dir: str = Field(default="", description="Local data folder whose format is checked before it is used.")

    @override
    def handle_output(self, context: dg.OutputContext, obj: FileObject) -> None:
        """Publish, then record; adds path, object_key, sha256, size_bytes, version, written and the data version.

        Raises:
            dagster.Failure: The key lies outside the asset's own directory, or the store refused.
            dagster.RetryRequested: The store did not answer.
        """
        with reported_failures(context):
            zone, directory = self._zone(), _output_directory(context)
            name = _name_within(directory, obj.key)
            landed = LandedObject(
                key=name,
                sha256=sha256_file(obj.path),
                size_bytes=obj.path.stat().st_size,
                version=version_of(obj.key),
                rows=_row_count(context.output_metadata),
            )
            written = zone.publish(obj.path, obj.key, sha256=landed.sha256)
            recorded = zone.write_manifest(directory, Manifest((landed,)))
        context.log.info("%s %s", "Wrote" if written else "Nothing to write, unchanged:", zone.path(obj.key))
        _describe(context, landed, obj.key, str(zone.path(obj.key)), written=written, recorded=recorded)

    @override
    def load_input(self, context: dg.InputContext) -> "UPath | dict[str, UPath]":
        """The current object of the upstream asset, as its manifest says, once it is seen to be there.

        Several partitions give a dictionary by partition key; so does a single one where the input is annotated as a
        dictionary.

        Raises:
            dagster.Failure: Nothing was recorded, or the recorded object is gone.
        """
        with reported_failures(context):
            zone, asset_path = self._zone(), context.asset_key.path
            if not context.has_asset_partitions:
                return _current(zone, asset_path, None)
            keys = context.asset_partition_keys
            if len(keys) == 1 and not _wants_dictionary(context):
                return _current(zone, asset_path, keys[0])
            return {key: _current(zone, asset_path, key) for key in keys}

    def _zone(self) -> LandingZone:
        if self.data_dir:
            check_data_dir(Path(self.data_dir))
        return LandingZone(self.root_uri)


class S3FileObjectIOManager(FileObjectIOManager):
    """`FileObjectIOManager` for a landing zone in a bucket."""


class LocalFileObjectIOManager(FileObjectIOManager):
    """`FileObjectIOManager` for a landing zone in a folder."""


def file_object_io_manager(storage: Storage) -> FileObjectIOManager:
    """The `s3file_io_manager` of an environment: a folder in dev and ci, a bucket in qa and production."""
    if storage.environment.is_local:
        return LocalFileObjectIOManager(root_uri=storage.landing_uri, data_dir=str(storage.data_dir))
    return S3FileObjectIOManager(root_uri=storage.landing_uri)


def _output_directory(context: dg.OutputContext) -> str:
    if not context.has_asset_key:
        raise ConfigurationError(
            f"The output {context.name!r} of op {context.op_def.name!r} is not an asset, so it has no place in the "
            "landing zone; give it another io_manager_key."
        )
    return directory_of(context.asset_key.path, context.partition_key if context.has_asset_partitions else None)


def _name_within(directory: str, key: str) -> str:
    name = key.removeprefix(f"{directory}/")
    if name == key or "/" in name:
        raise ConfigurationError(f"The object key {key!r} does not lie in {directory}/, where its manifest is.")
    return name


def _row_count(metadata: Mapping[str, object]) -> int | None:
    match metadata.get(ROW_COUNT):
        case dg.IntMetadataValue(value=int(count)) | int(count):
            return count
        case _:
            return None


def _describe(
    context: dg.OutputContext, landed: LandedObject, key: str, uri: str, *, written: bool, recorded: bool
) -> None:
    context.add_output_metadata(
        {
            "path": uri,
            "object_key": key,
            "sha256": landed.sha256,
            "size_bytes": landed.size_bytes,
            "version": landed.version,
            "written": written,
            "manifest_changed": recorded,
        }
    )
    if not context.step_context.has_data_version(context.asset_key):
        context.step_context.set_data_version(context.asset_key, dg.DataVersion(landed.version))


def _wants_dictionary(context: dg.InputContext) -> bool:
    annotated = context.dagster_type.typing_type
    origin = get_origin(annotated) or annotated
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _current(zone: LandingZone, asset_path: Sequence[str], partition: str | None) -> "UPath":
    directory, name = directory_of(asset_path, partition), "/".join(asset_path)
    manifest = zone.read_manifest(directory)
    if manifest is None or not manifest.objects:
        raise _missing(name, partition, str(zone.path(directory)), "nothing was recorded there")
    if len(manifest.objects) > 1:
        raise MalformedInput(
            f"{zone.path(directory)} holds {len(manifest.objects)} objects, not the one file of a FileObject; "
            "read its manifest instead of loading it as an input.",
            source=directory,
            reason="several_objects",
        )
    key = f"{directory}/{manifest.objects[0].key}"
    if not zone.exists(key):
        raise _missing(name, partition, str(zone.path(key)), "its manifest names an object that is gone")
    from upath import UPath

    return UPath(zone.path(key))


def _missing(asset: str, partition: str | None, uri: str, found: str) -> UpstreamObjectMissing:
    which = f"{asset}, partition {partition}" if partition else asset
    return UpstreamObjectMissing(
        f"Loading {which} from {uri}: {found}. Materialize {which} again, then this.",
        asset_key=asset,
        partition=partition,
        uri=uri,
    )
