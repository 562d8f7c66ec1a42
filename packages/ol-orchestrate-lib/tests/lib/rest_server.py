"""Apache Iceberg's own REST catalogue server, which its project publishes for the tests of clients.

Fetched once (192 MB) into the cache that Trino is in, by the same settings, and started on a free port. It takes any
token, and keeps its names in memory.
"""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ol_orchestrate.lib.errors import ConfigurationError, SourceUnavailable
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.trino_stack.cache import cache_folder, check_sha256, one_at_a_time
from ol_orchestrate.lib.trino_stack.distribution import REPOSITORY_VARIABLE
from ol_orchestrate.lib.trino_stack.java import find_java
from ol_orchestrate.lib.trino_stack.postgres import last_words
from ol_orchestrate.lib.trino_stack.processes import start_process, stop_process

VERSION = "1.9.2"
SHA256 = "5c4348ff8e471c32981f6609949ca728c0f6e3dc8780003706ee2e0477f366c7"  # pragma: allowlist secret
_JAR = f"iceberg-open-api-{VERSION}.jar"
_READY_S = 60.0


@contextmanager
def rest_server(folder: Path, environ: Mapping[str, str], warehouse: str, s3_endpoint: str) -> Iterator[str]:
    """The address of a server whose tables lie in `warehouse`, an s3:// URI; ended afterwards.

    Raises:
        ConfigurationError: There is no Java, or nothing to fetch the server with.
        SourceUnavailable: It could not be fetched, or does not answer.
    """
    jar, java, port = server_jar(environ), find_java(environ, print), free_port()
    settings = {
        "CATALOG_WAREHOUSE": warehouse,
        "CATALOG_URI": "jdbc:sqlite::memory:",
        "CATALOG_CLIENTS": "1",  # more connections would each have a memory of their own
        "CATALOG_IO__IMPL": "org.apache.iceberg.aws.s3.S3FileIO",
        "CATALOG_S3_ENDPOINT": s3_endpoint,
        "CATALOG_S3_PATH__STYLE__ACCESS": "true",
        "CATALOG_REST_PORT": str(port),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
    }
    log = folder / "rest.log"
    command = [str(java.program), "-Xmx256m", "-XX:+UseSerialGC", "-jar", str(jar)]
    process = start_process("rest", command, log=log, environ={**environ, **settings}, folder=folder)
    try:
        deadline = time.monotonic() + _READY_S
        while not answers(f"http://127.0.0.1:{port}/v1/config"):
            if not process.is_alive or time.monotonic() > deadline:
                message = f"The REST catalogue did not start. {last_words(log)}"
                raise SourceUnavailable(message, system="rest", operation="start")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop_process(process)


def server_jar(environ: Mapping[str, str]) -> Path:
    """The cached server; fetched through Maven when it is not there."""
    cache = cache_folder(environ)
    with one_at_a_time(cache, _JAR), scratch_directory(cache) as scratch:
        if not (cache / _JAR).is_file():
            fetch(environ, scratch)
            check_sha256(scratch / _JAR, SHA256, print)
            (scratch / _JAR).rename(cache / _JAR)
    return cache / _JAR


def fetch(environ: Mapping[str, str], folder: Path) -> None:
    if repository := environ.get(REPOSITORY_VARIABLE):
        url = f"{repository.rstrip('/')}/org/apache/iceberg/iceberg-open-api/{VERSION}/{_JAR}"
        with urllib.request.urlopen(url, timeout=60) as answer, (folder / _JAR).open("wb") as file:  # noqa: S310
            shutil.copyfileobj(answer, file)
        return
    if not (maven := shutil.which("mvn", path=environ.get("PATH"))):
        raise ConfigurationError(f"The REST catalogue is fetched with `mvn`, or from {REPOSITORY_VARIABLE}.")
    command = [maven, "--batch-mode", "--no-transfer-progress", f"-Dmaven.repo.local={folder / 'repository'}"]
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
    artifact = f"-Dartifact=org.apache.iceberg:iceberg-open-api:{VERSION}:jar"
    done = subprocess.run([*command, goal, artifact, f"-DoutputDirectory={folder}"], capture_output=True, check=False)
    if done.returncode:
        message = f"`mvn` could not fetch {_JAR}: {done.stdout.decode()[-500:]}"
        raise SourceUnavailable(message, system="maven", operation="download")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
