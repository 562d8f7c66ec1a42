"""What the dbt project needs before it can be read: its generated files, and `target/manifest.json`.

`bin/build-manifest` runs this module. Dagster reads the manifest and nothing else when it loads the location, so no
dbt runs at import; this is where it runs. Nothing is done again when no input has changed.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from lakehouse.lib.dbt_sources import generated_files
from ol_orchestrate.lib.environment import project_root
from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.files import atomic_writer, scratch_directory
from ol_orchestrate.lib.inventory import RawTable, load_inventory
from ol_orchestrate.lib.openedx.deployments import load_deployments

_NOT_INPUTS = {"target", "logs", "dbt_packages"}


def dbt_project_dir(environ: Mapping[str, str]) -> Path:
    """The dbt project of this checkout."""
    return project_root(environ) / "src" / "ol_dbt"


def manifest_path(project: Path) -> Path:
    """Where dbt writes the manifest of a project and Dagster reads it."""
    return project / "target" / "manifest.json"


def dbt_executable() -> str:
    """The dbt of this environment, found without looking at PATH."""
    return str(Path(sys.executable).with_name("dbt"))


def all_raw_tables(environ: Mapping[str, str]) -> tuple[RawTable, ...]:
    """The raw tables of every enabled site: models are the same in a process narrowed by OPENEDX_DEPLOYMENTS.

    Raises:
        ConfigurationError: The inventory or the list of sites is wrong.
    """
    everywhere = {name: value for name, value in environ.items() if name != "OPENEDX_DEPLOYMENTS"}
    return load_inventory(environ, load_deployments(everywhere))


def stale_files(environ: Mapping[str, str]) -> dict[Path, str]:
    """The generated files that are not what the inventory says now, with the text they should have."""
    project = dbt_project_dir(environ)
    wanted = {project / path: text for path, text in generated_files(all_raw_tables(environ)).items()}
    return {path: text for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text}


def build(environ: Mapping[str, str]) -> list[str]:
    """Bring generated files and manifest up to date; what was done, one line each, empty when all of it was.

    Raises:
        ConfigurationError: An input is wrong, or dbt cannot read the project; the message has what dbt said.
    """
    root, project = project_root(environ), dbt_project_dir(environ)
    with _one_at_a_time(project):
        return [f"wrote {path.relative_to(root)}" for path in _bring_up_to_date(project, environ)]


def _bring_up_to_date(project: Path, environ: Mapping[str, str]) -> list[Path]:
    written = []
    for path, text in stale_files(environ).items():
        _write(path, text)
        written.append(path)
    digest, manifest = _digest(project), manifest_path(project)
    stamp = manifest.with_name("manifest.inputs")
    if not manifest.is_file() or not stamp.is_file() or stamp.read_text("utf-8") != digest:
        _parse(project, environ)
        _write(stamp, digest)
        written.append(manifest)
    return written


@contextmanager
def _one_at_a_time(project: Path) -> Iterator[None]:
    """Wait for another build of the same project; it may leave nothing to do."""
    target = manifest_path(project).parent
    target.mkdir(exist_ok=True)
    with (target / "build.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _parse(project: Path, environ: Mapping[str, str]) -> None:
    """Let dbt read the project, and put what it made in place in one step: a location may be loading meanwhile."""
    target = manifest_path(project).parent
    with scratch_directory(target) as scratch:
        folders = ["--project-dir", str(project), "--profiles-dir", str(project), "--target-path", str(scratch)]
        finished = subprocess.run(  # noqa: S603 (our own dbt, fixed arguments)
            [dbt_executable(), "--no-use-colors", "parse", *folders],
            env={**environ, "DBT_LOG_PATH": str(scratch)},
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode:
            raise ConfigurationError(f"dbt cannot read {project}:\n{finished.stdout}{finished.stderr}")
        for name in ("partial_parse.msgpack", "manifest.json"):
            (scratch / name).replace(target / name)


def _digest(project: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(_inputs(project)):
        digest.update(f"{path.relative_to(project)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _inputs(project: Path) -> Iterator[Path]:
    for path in project.rglob("*"):
        top = PurePosixPath(path.relative_to(project)).parts[0]
        if path.is_file() and top not in _NOT_INPUTS:
            yield path


def _write(path: Path, text: str) -> None:
    with atomic_writer(path) as file:
        file.write(text.encode())


def main() -> int:
    """Build, and say what was done."""
    try:
        done = build(os.environ)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(done) or "dbt's generated files and manifest are up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
