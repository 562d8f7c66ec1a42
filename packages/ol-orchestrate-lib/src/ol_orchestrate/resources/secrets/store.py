"""What every secret store does."""

from abc import ABC, abstractmethod

import dagster as dg

from ol_orchestrate.lib.secrets import Secret


class SecretStore(dg.ConfigurableResource[None], ABC):
    """Reads secrets by path, at the moment they are needed. Its key is `vault` in every environment."""

    @abstractmethod
    def read(self, path: str) -> Secret:
        """The fields of the secret at a path, such as `"pipelines/edx/mitx/edx-oauth-client"`.

        Raises:
            SecretUnavailable: There is none, or the store did not answer (`reachable` says which).
            ConfigurationError: The store itself is set up wrongly.
        """
