"""What a company has in front of its Trino: it checks name and password, and hands the request on with a token.

Trino checks passwords by a plugin that the stack does not unpack; it accepts tokens without one.
"""

import base64
import binascii
import http.client
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lakehouse_tests.remote.authority import HOST, TokenIssuer

_NOT_HANDED_ON = {"host", "authorization", "connection", "transfer-encoding", "content-length", "accept-encoding"}


class Gateway(ThreadingHTTPServer):
    """Answers for a Trino at `upstream_port`, over TLS on a port of its own."""

    daemon_threads = True

    def __init__(
        self, pem: Path, upstream_port: int, trusted: Path, issuer: TokenIssuer, passwords: Mapping[str, str]
    ) -> None:
        super().__init__((HOST, 0), _Handler)
        self.upstream_port, self.issuer, self.passwords = upstream_port, issuer, passwords
        self.trusted = ssl.create_default_context(cafile=str(trusted))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        # The handshake is made in the request's own thread: a client that gives up must not block the others.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us hangs up; nobody has to read about it."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Silent."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        user = self._user()
        if user is None:
            self._reply(401, {"WWW-Authenticate": 'Basic realm="Trino"'}, b"Access Denied: Invalid credentials")
        else:
            self._reply(*self._from_upstream(user, body))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815 (the base class calls them so)

    def _user(self) -> str | None:
        """Who asks; None when nobody has this name and this password."""
        kind, _, credentials = (self.headers.get("Authorization") or "").partition(" ")
        try:
            name, _, password = base64.b64decode(credentials).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return name if kind == "Basic" and self.server.passwords.get(name) == password else None

    def _from_upstream(self, user: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_HANDED_ON}
        headers["Authorization"] = f"Bearer {self.server.issuer.token(user)}"
        headers |= {"X-Forwarded-Proto": "https", "X-Forwarded-Host": f"{HOST}:{self.server.server_port}"}
        connection = http.client.HTTPSConnection(HOST, self.server.upstream_port, context=self.server.trusted)
        try:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _NOT_HANDED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running(gateway: Gateway) -> Iterator[Gateway]:
    """Serve until the block ends."""
    thread = threading.Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield gateway
    finally:
        gateway.shutdown()
        thread.join()
        gateway.server_close()
