"""What is said when a catalogue is down, refuses, or is none; and that no password, token or key is in it."""

import json
import re
import threading
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import ConfigurationError, OLDataError, SourceRejected, SourceUnavailable
from ol_orchestrate.lib.iceberg_settings import IcebergSettings
from ol_orchestrate.lib.iceberg_tables import iceberg_loader
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.trino_stack import TrinoStack

from .toy_tables import LOGS, events, land, load

SECRET = "hunter2"  # pragma: allowlist secret
NOBODY = "127.0.0.1:9"

type Answer = Callable[[BaseHTTPRequestHandler], tuple[int, bytes]]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """The address of an HTTP server that answers what a function says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        listening.server_close()


def error_body(status: int, message: str) -> bytes:
    """An error as the REST protocol describes it."""
    return json.dumps({"error": {"message": message, "type": "SomeException", "code": status}}).encode()


def failure(environ: Mapping[str, str]) -> OLDataError:
    """What is raised when the loader of these settings is opened and asked for a table."""
    with pytest.raises(OLDataError) as caught:
        ask(environ)
    return caught.value


def ask(environ: Mapping[str, str]) -> None:
    with iceberg_loader(IcebergSettings.from_environ(environ, Path("/nonexistent")), {}) as loader:
        loader.loaded_version(LOGS.name)


def rest(uri: str, **more: str) -> dict[str, str]:
    return {
        "OL_ICEBERG_CATALOG": "rest",
        "OL_ICEBERG_CATALOG_URI": uri,
        "OL_ICEBERG_WAREHOUSE": "s3://lake/x",
        "OL_ICEBERG_CATALOG_TOKEN": SECRET,
        **more,
    }


def sql(uri: str) -> dict[str, str]:
    return {"OL_ICEBERG_CATALOG": "sql", "OL_ICEBERG_CATALOG_URI": uri, "OL_ICEBERG_WAREHOUSE": "s3://lake/x"}


def test_a_rest_catalogue_that_is_down() -> None:
    error = failure(rest(f"http://{NOBODY}"))
    assert isinstance(error, SourceUnavailable)
    assert "the catalogue ol_data_lake (rest) does not answer" in error.message
    assert error.message.endswith("Check OL_ICEBERG_CATALOG_URI, and that the catalogue runs.")


def test_a_wrong_token_is_refused_and_not_repeated() -> None:
    def unknown(request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        return 401, error_body(401, f"Not authorized: {request.headers['Authorization']}")

    with server(unknown) as uri:
        error = failure(rest(uri))
    assert isinstance(error, SourceRejected)
    assert "refuses us: SomeException: Not authorized: Bearer …" in error.message
    assert "OL_ICEBERG_CATALOG_TOKEN" in error.message
    assert SECRET not in "".join(traceback.format_exception(error))


def test_a_wrong_client_secret_is_refused_and_not_repeated() -> None:
    def unknown(request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        sent = request.rfile.read(int(request.headers["Content-Length"])).decode()
        return 401, json.dumps({"error": "invalid_client", "error_description": sent}).encode()

    with server(unknown) as uri:
        error = failure(
            rest(
                uri, OL_ICEBERG_CATALOG_CREDENTIAL=f"loader:{SECRET}", OL_ICEBERG_CATALOG_OAUTH_URI=f"{uri}/oauth/token"
            )
        )
    assert isinstance(error, SourceRejected)
    assert "invalid_client: grant_type=client_credentials&client_id=loader" in error.message
    assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, SourceRejected, "refuses us"),
        (401, SourceRejected, "refuses us"),
        (403, SourceRejected, "refuses us"),
        (419, SourceRejected, "refuses us"),
        (418, SourceRejected, "no Iceberg REST catalogue"),
        (429, SourceUnavailable, "does not answer"),
        (500, SourceUnavailable, "does not answer"),
        (503, SourceUnavailable, "does not answer"),
    ],
)
def test_a_rest_catalogue_that_answers_until_a_table_is_asked_for(
    status: int, kind: type[OLDataError], said: str
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        if request.path.startswith("/v1/config"):
            return 200, b'{"defaults": {}, "overrides": {}}'
        return status, error_body(status, "so it is")

    with server(answer) as uri:
        error = failure(rest(uri))
    assert type(error) is kind
    assert f"Could not read the ledger of {LOGS.name}:" in error.message
    assert said in error.message
    assert "so it is" in error.message


def test_a_rest_catalogue_that_goes_away() -> None:
    """It answers once, and nobody listens any more when a table is asked for."""
    with server(lambda _: (200, b'{"defaults": {}, "overrides": {}}')) as uri, ExitStack() as opened:
        settings = IcebergSettings.from_environ(rest(uri), Path("/nonexistent"))
        loader = opened.enter_context(iceberg_loader(settings, {}))
        left = opened.pop_all()
    with left, pytest.raises(SourceUnavailable, match=r"\(rest\) does not answer.*OL_ICEBERG_CATALOG_URI"):
        loader.loaded_version(LOGS.name)


@pytest.mark.parametrize("status", [200, 404])
def test_an_address_of_something_else(status: int) -> None:
    """A page to sign in at, or a server that knows nothing of Iceberg: short, and without a page of HTML."""
    with server(lambda _: (status, b"<html>" + b"Sign in! " * 1000)) as uri:
        error = failure(rest(uri))
    assert isinstance(error, SourceRejected)
    assert "what answers is no Iceberg REST catalogue" in error.message
    assert error.message.endswith("Check OL_ICEBERG_CATALOG_URI.")
    assert len(error.message) < 900


@pytest.mark.engines
def test_a_commit_whose_answer_was_lost_is_done_once(
    rest_catalogue: tuple[str, str], s3_environ: dict[str, str], zone: LandingZone, tmp_path: Path
) -> None:
    """The catalogue commits, and the proxy before it says 502: nobody knows, and the next load finds out."""
    address, bucket = rest_catalogue
    losing = threading.Event()

    def forward(request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        body = request.rfile.read(int(request.headers["Content-Length"] or 0)) or None
        headers = {"Content-Type": request.headers["Content-Type"] or "application/json"}
        passed_on = urllib.request.Request(address + request.path, body, headers, method=request.command)  # noqa: S310
        try:
            with urllib.request.urlopen(passed_on) as answer:  # noqa: S310
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            status, content = refusal.code, refusal.read()
        if losing.is_set() and request.command == "POST":
            return 502, error_body(502, "upstream went away")
        return status, content

    with server(forward) as uri:
        environ = {**s3_environ, **rest(uri), "OL_ICEBERG_WAREHOUSE": f"s3://{bucket}/lake"}
        with iceberg_loader(IcebergSettings.from_environ(environ, tmp_path), {}) as loader:
            land(zone, {"a.parquet": events("ann")})
            load(loader, zone)
            land(zone, {"a.parquet": events("ann"), "b.parquet": events("bob")})
            losing.set()
            with pytest.raises(SourceUnavailable, match=r"did not say whether it was done.*Run it again"):
                load(loader, zone)
            losing.clear()
            again = load(loader, zone)
            loader.catalog.drop_table(("ol_warehouse_raw_data", LOGS.name))
    assert (again.wrote, again.is_conserved, again.loaded) == (False, True, 2)


GLUE = {"OL_ICEBERG_CATALOG": "glue", "OL_ICEBERG_WAREHOUSE": "s3://lake/x"}


def login_that_may(monkeypatch: pytest.MonkeyPatch, user: str, *actions: str) -> dict[str, str]:
    """The keys of a new account with these rights; from now on this test is asked for rights."""
    import boto3
    import moto.settings

    iam = boto3.client("iam")
    iam.create_user(UserName=user)
    statement = {"Effect": "Allow", "Action": ["s3:*", *actions], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=user, PolicyName="rights", PolicyDocument=policy)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    monkeypatch.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    login = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    for name, value in login.items():
        monkeypatch.setenv(name, value)
    return login


def test_a_glue_that_is_denied(s3_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that may use S3 and not Glue, then one that nobody knows."""
    login = login_that_may(monkeypatch, "files-alone")
    for access_key, said in (
        (login["AWS_ACCESS_KEY_ID"], "not authorized to perform: glue:GetTable"),
        ("AKIA0", "invalid"),
    ):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
        error = failure({**s3_environ, **GLUE, **login})
        assert isinstance(error, SourceRejected)
        assert "the catalogue ol_data_lake (glue) refuses us" in error.message
        assert said in error.message
        assert "AWS_ACCESS_KEY_ID, profile or role" in error.message
        assert login["AWS_SECRET_ACCESS_KEY"] not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("catalogue", ["glue"], indirect=True)
def test_the_rights_in_glue_that_the_page_names_are_enough(
    catalogue: dict[str, str], zone: LandingZone, tmp_path: Path
) -> None:
    named = ("glue:GetDatabase", "glue:GetTable", "glue:CreateTable", "glue:UpdateTable", "glue:CreateDatabase")
    with pytest.MonkeyPatch.context() as patch:
        login = login_that_may(patch, "loader", *named)
        with iceberg_loader(IcebergSettings.from_environ({**catalogue, **login}, tmp_path), {}) as loader:
            land(zone, {"a.parquet": events("ann")})
            load(loader, zone)
            land(zone, {"a.parquet": events("eve")})
            assert load(loader, zone).is_conserved


def test_a_glue_that_is_down_is_said_within_seconds(
    s3_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{NOBODY}")
    error = failure({**s3_environ, **GLUE, "AWS_ENDPOINT_URL": f"http://{NOBODY}"})
    assert isinstance(error, SourceUnavailable)
    assert "(glue) does not answer" in error.message
    assert "AWS_DEFAULT_REGION" in error.message


def test_glue_without_credentials_is_a_setting(s3_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    error = failure(GLUE)
    assert isinstance(error, ConfigurationError)
    assert "Unable to locate credentials" in error.message


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        (f"postgresql+psycopg2://ol:{SECRET}@{NOBODY}/lake", SourceUnavailable),
        (f"postgresql+psycopg2://ol:{SECRET}%40%2F@{NOBODY}/lake", SourceUnavailable),  # pragma: allowlist secret
        (f"postgres://ol:{SECRET}@{NOBODY}/lake", ConfigurationError),
        (f"postgresql+nosuchdriver://ol:{SECRET}@{NOBODY}/lake", ConfigurationError),
        (f"postgresql+asyncpg://ol:{SECRET}@{NOBODY}/lake", ConfigurationError),
        (f"ol:{SECRET}@{NOBODY}/lake", ConfigurationError),
        (f"postgresql://ol:{SECRET}@{NOBODY}:x/lake", ConfigurationError),
        (f"postgresql://db:{SECRET}/lake", ConfigurationError),
    ],
)
def test_a_password_in_an_address_is_never_shown(uri: str, kind: type[OLDataError]) -> None:
    error = failure(sql(uri))
    assert type(error) is kind
    assert SECRET not in "".join(traceback.format_exception(error))
    assert SECRET not in repr(error.details())
    said = "does not answer" if kind is SourceUnavailable else "must be postgresql+psycopg2://<user>"
    assert said in error.message


@pytest.mark.parametrize("uri", [f"https://ol:{SECRET}@catalogue", SECRET, f"jdbc:{SECRET}", f"https://{SECRET}@x"])
def test_a_password_in_a_rest_address_is_refused_and_never_shown(uri: str) -> None:
    error = failure(rest(uri))
    assert isinstance(error, ConfigurationError)
    assert re.search(r"OL_ICEBERG_CATALOG_URI must be https://.*OL_ICEBERG_CATALOG_CREDENTIAL", error.message)
    assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.engines
def test_a_wrong_password_of_the_database_is_refused(trino_stack: TrinoStack) -> None:
    wrong = re.sub(r":[^:@/]+@", f":{SECRET}@", trino_stack.postgres_uri)
    error = failure(sql(wrong))
    assert isinstance(error, SourceRejected)
    assert "password authentication failed" in error.message
    assert SECRET not in "".join(traceback.format_exception(error))
