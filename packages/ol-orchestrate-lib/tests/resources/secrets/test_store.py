from typing import override

import dagster as dg
import pytest

from ol_orchestrate.lib.errors import SecretUnavailable
from ol_orchestrate.lib.secrets import Secret
from ol_orchestrate.resources.secrets.store import SecretStore


class SilentStore(SecretStore):
    @override
    def read(self, path: str) -> Secret:
        raise SecretUnavailable("no answer", path=path, store="vault", reachable=False)


class Client(dg.ConfigurableResource[None]):
    secrets: dg.ResourceDependency[SecretStore]


def test_a_store_that_cannot_read_is_not_a_store():
    with pytest.raises(TypeError, match="abstract"):
        SecretStore()


def test_any_store_fits_where_a_store_is_wanted():
    @dg.asset
    def courses(client: Client) -> None:
        with pytest.raises(SecretUnavailable) as caught:
            client.secrets.read("pipelines/edx/mitx")
        assert caught.value.reachable is False

    store = SilentStore()

    assert dg.materialize([courses], resources={"vault": store, "client": Client(secrets=store)}).success
