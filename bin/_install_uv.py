"""Put the uv program into a folder, with nothing but a Python 3.8+ and its standard library.

Usage: python3 bin/_install_uv.py FOLDER REQUIREMENT      (for example: ~/.cache/x "uv>=0.9")

Only `bin/_bootstrap.sh` calls this, on a machine where no usable uv was found. uv comes from the package index, as a
checked wheel. pip fetches it; where this Python has no pip (Debian ships it apart), pip itself is fetched first.
Old Pythons run this file: no syntax newer than 3.8.
"""

import hashlib
import html
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")


def installed_pip(_scratch):
    """This Python's own pip."""
    return [sys.executable, "-m", "pip"]


def venv_pip(scratch):
    """The pip of a throwaway venv: present wherever `ensurepip` is."""
    subprocess.run([sys.executable, "-m", "venv", str(scratch / "venv")], check=True, stderr=subprocess.PIPE)
    return [str(scratch / "venv" / "bin" / "python"), "-m", "pip"]


def fetched_pip(scratch):
    """A pip wheel from the index. It is pure Python, and runs from inside its own zip file."""
    page_url = INDEX + "/pip/"
    with urllib.request.urlopen(page_url, timeout=60) as page:  # noqa: S310 - the index is https, or the user's own
        anchors = re.findall(r"<a\s[^>]*>", page.read().decode())
    url, digest = newest_pip(anchors)
    with urllib.request.urlopen(urllib.parse.urljoin(page_url, url), timeout=60) as wheel:  # noqa: S310 - as above
        content = wheel.read()
    if hashlib.sha256(content).hexdigest() != digest:
        raise OSError(f"{url} does not have the checksum its index gives")
    path = scratch / url.rsplit("/", 1)[-1]
    path.write_bytes(content)
    return [sys.executable, str(path / "pip")]


def newest_pip(anchors):
    """(url, sha256) of the last pip wheel on an index page that this Python can run; the page is in release order."""
    for anchor in reversed(anchors):
        link = re.search(r'href="([^"#]*/pip-[\d.]+-py3-none-any\.whl)#sha256=(\w+)"', anchor)
        needs = re.search(r'data-requires-python="[^"]*>=3\.(\d+)', html.unescape(anchor))
        if link and (needs is None or sys.version_info >= (3, int(needs.group(1)))):
            return link.groups()
    raise OSError("no pip wheel for this Python on " + INDEX)


def last_words(error):
    """What a failed command said last, or else the error itself."""
    said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
    return said.splitlines()[-1] if said else error


def install(folder, requirement):
    """Install uv as `FOLDER/uv`; the one file appears in one step, so two bootstraps at a time are harmless.

    Raises:
        OSError: every way failed; the message has what each of them said.
    """
    problems = []
    for find_pip in (installed_pip, venv_pip, fetched_pip):
        with tempfile.TemporaryDirectory(dir=str(folder)) as scratch:
            target = Path(scratch, "uv")
            try:
                command = [
                    *find_pip(Path(scratch)),
                    "install",
                    "--quiet",
                    "--only-binary",
                    ":all:",
                    "--target",
                    str(target),
                ]
                subprocess.run([*command, requirement], check=True, stderr=subprocess.PIPE)
                os.replace(str(target / "bin" / "uv"), str(folder / "uv"))  # noqa: PTH105 - Python 3.8
            except (OSError, subprocess.CalledProcessError) as error:
                problems.append(f"  {find_pip.__name__}: {last_words(error)}")
            else:
                return
    raise OSError("\n".join(problems))


if __name__ == "__main__":
    destination = Path(sys.argv[1])
    destination.mkdir(parents=True, exist_ok=True)
    try:
        install(destination, sys.argv[2])
    except OSError as failure:
        sys.exit(f"uv could not be installed from {INDEX}:\n{failure}")
