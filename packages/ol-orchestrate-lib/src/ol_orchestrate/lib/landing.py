"""The landing zone: objects published whole, then recorded in the manifest of their directory.

An object is first written under its key and only then named in `manifest.json`, so a run killed in between leaves an
object nobody reads; the next run finds it there, uploads nothing, and records it. State is what the manifests say.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import batched
from pathlib import Path, PurePosixPath
from typing import Self, cast

from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.files import naming_full_disk, temporary_sibling
from ol_orchestrate.lib.hashing import canonical_json, sha256_file
from ol_orchestrate.lib.object_store import (
    Place,
    read_object,
    remove_object,
    states_below,
    storage_errors,
    write_object,
)

MANIFEST_NAME = "manifest.json"
_CHUNK_BYTES = 1 << 20
_REQUESTS_AT_ONCE = 32
_MANIFESTS_AHEAD = 256


@dataclass(frozen=True, slots=True)
class LandedObject:
    """One object that is current in its directory; `key` is relative to that directory.

    `version` is the object's data version; `rows` its row count where it has rows; `metadata` is JSON.
    """

    key: str
    sha256: str
    size_bytes: int
    version: str
    rows: int | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is current in one directory, in a fixed order. As large as that directory (a course run, a log day)."""

    objects: tuple[LandedObject, ...]
    notes: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: The text is not JSON.
            KeyError, TypeError: It is JSON of another shape.
        """
        document = json.loads(text)
        return cls(tuple(LandedObject(**item) for item in document["objects"]), dict(document["notes"]))

    def to_json(self) -> bytes:
        """Canonical JSON: the same manifest is the same bytes."""
        return canonical_json({"notes": dict(self.notes), "objects": [asdict(item) for item in self.objects]})


class LandingZone:
    """A tree of objects below one root: a folder, `s3://bucket/prefix`, or `memory://` in tests.

    Making one connects to nothing. Keys are relative, with `/` between parts and no leading slash.

    Args:
        root: A folder, with `file://` or without, or anything else that UPath reads.
        storage_options: Passed to the file system behind `root`, such as an S3 endpoint; a folder has none.
    """

    root: Place

    def __init__(self, root: str | Path, **storage_options: object) -> None:
        text = str(root).removeprefix("file://")
        if "://" not in text:
            self.root = Path(text)
            return
        from upath import UPath

        # A cached listing would hide what another process has just published.
        self.root = UPath(text, **{"use_listings_cache": False, **storage_options})  # type: ignore[call-overload]

    def path(self, key: str) -> Place:
        """The place of a key; below the root whatever the key says.

        Raises:
            MalformedInput: The key is absolute or leaves the root.
        """
        if key.startswith("/") or "\\" in key or "\0" in key or ".." in PurePosixPath(key).parts:
            raise MalformedInput(
                f"The object key {key!r} is not a relative path below {self.root}.", source=key, reason="unsafe_key"
            )
        return self.root.joinpath(key) if key else self.root

    def exists(self, key: str) -> bool:
        """Whether an object of that key is there. One request."""
        path = self.path(key)
        with storage_errors(path, "look for"):
            return path.is_file()

    def names(self, directory: str) -> list[str]:
        """Names of the objects directly in a directory, sorted; none when it is not there. One listing."""
        path = self.path(directory)
        with storage_errors(path, "list"):
            try:
                if isinstance(path, Path):
                    return sorted(entry.name for entry in path.iterdir())
                found = cast("list[str]", path.fs.ls(path.path, detail=False))
            except FileNotFoundError:
                return []
        return sorted(name.rstrip("/").rpartition("/")[2] for name in found)

    def remove(self, key: str) -> None:
        """Remove an object; nothing happens when it is not there."""
        remove_object(self.path(key))

    def publish(self, local: Path, key: str, *, sha256: str | None = None) -> bool:
        """Put a local file under a key in one step; readers see all of it or what was there before.

        Nothing is written when the same object is already there: same size, and the same content, which a key that
        holds its own SHA-256 proves by its name and any other by being read again. On the same file system the file is
        moved, so `local` may be gone afterwards.

        Args:
            local: The file to publish.
            key: Where it goes.
            sha256: Hash of the file when the caller has it; saves reading the file once.

        Returns:
            True when written, False when it was there.

        Raises:
            StorageFull: No room at the target.
            SourceUnavailable, SourceRejected: The object store did not answer, or said no.
        """
        target = self.path(key)
        size_bytes = local.stat().st_size
        with storage_errors(target, "publish"):
            if _is_there(target, local, size_bytes, sha256):
                return False
            if isinstance(target, Path):
                _move(local, target)
            else:
                target.fs.put_file(str(local), target.path)
        return True

    def read_manifest(self, directory: str) -> Manifest | None:
        """What is current in a directory, None when nothing was recorded there.

        Raises:
            MalformedInput: The manifest is there and cannot be read.
        """
        path = self.path(str(PurePosixPath(directory, MANIFEST_NAME)))
        with storage_errors(path, "read"):
            try:
                text = read_object(path)
            except FileNotFoundError:
                return None
        try:
            return Manifest.from_json(text)
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedInput(
                f"The manifest {path} cannot be read ({error}). Nothing was changed. Remove that file and materialize "
                "what writes this directory again: objects that are there are not uploaded twice.",
                source=str(path),
                reason="bad_manifest",
            ) from error

    def write_manifest(self, directory: str, manifest: Manifest) -> bool:
        """Record what is current in a directory, in one step. False when that is what was recorded already.

        Of two writers at once the later one wins, whole.

        Raises:
            StorageFull, SourceUnavailable, SourceRejected: As in `publish`.
        """
        path = self.path(str(PurePosixPath(directory, MANIFEST_NAME)))
        with storage_errors(path, "record"):
            return write_object(path, manifest.to_json())

    def manifests(self, prefix: str) -> Iterator[tuple[str, Manifest]]:
        """Every directory below a prefix that has a manifest, with it, sorted by directory.

        Cost: one listing, and `read_manifests` of all.
        """
        return self.read_manifests(sorted(self.manifest_states(prefix)))

    def manifest_states(self, prefix: str) -> dict[str, str]:
        """Every directory below a prefix that has a manifest, with what changes when that does. One listing."""
        states = states_below(self.path(prefix), MANIFEST_NAME)
        above = [prefix.rstrip("/")] if prefix else []
        return {"/".join([*above, *key.split("/")[:-1]]): state for key, state in states.items()}

    def read_manifests(self, directories: Sequence[str]) -> Iterator[tuple[str, Manifest]]:
        """The manifests of directories, in their order, without those that are gone.

        A request for each; a store is asked for some at once. Memory: a few hundred manifests.

        Raises:
            MalformedInput: One is there and cannot be read.
        """
        if isinstance(self.root, Path):
            yield from self._recorded(directories, map(self.read_manifest, directories))
            return
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="manifests") as pool:
            for some in batched(directories, _MANIFESTS_AHEAD, strict=False):
                yield from self._recorded(some, pool.map(self.read_manifest, some))

    @staticmethod
    def _recorded(directories: Iterable[str], manifests: Iterable[Manifest | None]) -> Iterator[tuple[str, Manifest]]:
        """Those that are there: a directory may go between a listing and the reading."""
        for directory, manifest in zip(directories, manifests, strict=True):
            if manifest is not None:
                yield directory, manifest


def directory_of(asset_path: Sequence[str], partition: str | None) -> str:
    """The directory of an asset's current objects: its key, and below it the partition verbatim."""
    return "/".join([*asset_path, *([partition] if partition else [])])


def version_of(key: str) -> str:
    """The version a content-addressed key holds: its last part up to the first dot."""
    return PurePosixPath(key).name.partition(".")[0]


def _is_there(target: Place, local: Path, size_bytes: int, sha256: str | None) -> bool:
    try:
        if target.stat().st_size != size_bytes:
            return False
    except FileNotFoundError:
        return False
    digest = sha256 or sha256_file(local)
    return digest in target.name or digest == _sha256(target)


def _sha256(target: Place) -> str:
    if isinstance(target, Path):
        return sha256_file(target)
    digest = hashlib.sha256()
    with target.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _move(local: Path, target: Path) -> None:
    with naming_full_disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if local.stat().st_dev == target.parent.stat().st_dev:
            local.replace(target)
            return
        temporary = temporary_sibling(target)
        try:
            temporary.touch(mode=0o600)  # a file that is for its owner only is so while it is copied, too
            shutil.copyfile(local, temporary)
            shutil.copymode(local, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
