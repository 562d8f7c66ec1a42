"""What the location is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from ol_orchestrate.lib.environment import Storage

ARCHIVE_BUCKET = "simeon-mitx-pipeline-main"
COLD_PREFIX = "COLD"
"""Where the institutional research office leaves what edX.org delivers."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are."""

    storage: Storage

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The settings of this process.

        Raises:
            ConfigurationError: the environment is wrong.
        """
        return cls(Storage.from_environ(environ))

    @property
    def archive_uri(self) -> str:
        """The bucket of deliveries: a folder in dev and ci, Google Cloud Storage elsewhere."""
        if self.storage.environment.is_local:
            return self.storage.bucket_uri(ARCHIVE_BUCKET)
        return f"gs://{ARCHIVE_BUCKET}"
