"""Normalized tracking logs as JSON lines for readers outside: `event` and `context` are JSON again, each its own."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
from isal import igzip

from ol_orchestrate.lib.conservation import RowsUnaccounted
from ol_orchestrate.lib.errors import UpstreamObjectMissing
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.hashing import derived_version, sha256_file
from ol_orchestrate.lib.landing import LandedObject, LandingZone, Manifest
from ol_orchestrate.lib.object_store import Place
from ol_orchestrate.lib.openedx.tracking import JSON_COLUMNS

WRITER_VERSION = "jsonify/1"
_JSON_FIELDS = (*JSON_COLUMNS, "extra")
_ROWS_AT_A_TIME = 8_192


def jsonify(zone: LandingZone, source: str, target: str) -> Iterator[tuple[LandedObject, bool]]:
    """Bring the jsonified logs of a day up to date with the normalized ones, object by object.

    One object in the target directory for each in the source directory; those without a source any more are removed.
    Gives each object and whether it was written.

    Raises:
        UpstreamObjectMissing: an object that the manifest names is gone.
        RowsUnaccounted: an object holds another number of rows than the manifest says.
    """
    normalized = zone.read_manifest(source) or Manifest(())
    known = _by_key(zone.read_manifest(target) or Manifest(()))
    current: dict[str, LandedObject] = {}
    for item in normalized.objects:
        done = known.get(_key(item))
        unchanged = done is not None and done.version == _version(item) and zone.exists(f"{target}/{done.key}")
        made = done if done and unchanged else _write(zone, source, target, item)
        current[made.key] = made
        yield made, not unchanged
    if current or known:
        zone.write_manifest(target, Manifest(tuple(current[key] for key in sorted(current))))
    for gone in known.keys() - current.keys():
        zone.remove(f"{target}/{gone}")


def _by_key(manifest: Manifest) -> Mapping[str, LandedObject]:
    return {item.key: item for item in manifest.objects}


def _key(item: LandedObject) -> str:
    return f"{item.key.removesuffix('.parquet')}.jsonl.gz"


def _version(item: LandedObject) -> str:
    return derived_version(content=item.sha256, parser=WRITER_VERSION, options={})


def _write(zone: LandingZone, source: str, target: str, item: LandedObject) -> LandedObject:
    path = zone.path(f"{source}/{item.key}")
    with scratch_directory() as scratch:
        local = scratch / "jsonified.gz"
        try:
            rows = _jsonify_file(path, local)
        except FileNotFoundError as error:
            raise _missing(source, path) from error
        if rows != item.rows:
            message = (
                f"Jsonifying {path}: the manifest counts {item.rows} rows, the object holds {rows}. Nothing of it was "
                "written. Remove that object and run the normalize job of that day again, then this."
            )
            raise RowsUnaccounted(message)
        return _publish(zone, target, item, local)


def _missing(source: str, path: Place) -> UpstreamObjectMissing:
    message = (
        f"Jsonifying {path}: its manifest names that object, and it is gone. "
        "Run the normalize job of that day again, which writes it, then this."
    )
    return UpstreamObjectMissing(message, asset_key=source, partition=None, uri=str(path))


def _jsonify_file(normalized: Place, local: Path) -> int:
    """Write the events of one Parquet object and count them. Memory: some thousand rows."""
    encoder, rows = msgspec.json.Encoder(), 0
    # A fixed time in the gzip header: the same events are the same bytes.
    with normalized.open("rb") as stream, igzip.IGzipFile(local, "wb", compresslevel=1, mtime=0) as file:
        for batch in pq.ParquetFile(stream).iter_batches(_ROWS_AT_A_TIME):
            file.write(encoder.encode_lines([_jsonified(row) for row in batch.to_pylist()]))
            rows += batch.num_rows
    return rows


def _publish(zone: LandingZone, target: str, item: LandedObject, local: Path) -> LandedObject:
    sha256, size_bytes = sha256_file(local), local.stat().st_size
    zone.publish(local, f"{target}/{_key(item)}", sha256=sha256)
    return LandedObject(_key(item), sha256, size_bytes, _version(item), item.rows, item.metadata)


def _jsonified(row: dict[str, Any]) -> dict[str, Any]:
    for name in _JSON_FIELDS:
        if row[name] is not None:
            row[name] = _on_one_line(row[name].encode())
    time: datetime = row["time"]
    # Not `strftime`, which leaves out the zeros of years before 1000.
    row["time"] = time.replace(tzinfo=None).isoformat(" ", "microseconds")
    return row


def _on_one_line(written: bytes) -> msgspec.Raw:
    """The JSON as it was written, but for white space that would break the line: browsers send indented payloads."""
    if b"\n" in written or b"\r" in written:
        written = msgspec.json.format(written, indent=-1)
    return msgspec.Raw(written)
