"""What a code location offers, as JSON: imported in this interpreter, with network, processes and writing refused.

python -I -B dg_deployments/tests/catalogue.py openedx     prints it, for the environment DAGSTER_ENV names
python dg_deployments/tests/catalogue.py --write           writes snapshots/ anew, after a change that was meant
"""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg

ENVIRONMENTS = ("dev", "ci", "qa", "production")
SNAPSHOTS = Path(__file__).parent / "snapshots"
PROJECTS = Path(__file__).parents[2] / "dg_projects"
REFUSED = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.sendto",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
)


class RefusedError(BaseException):
    """An import did what an import may not do; no `except Exception` on the way can hide it."""


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: raise on the first connection, process, or file opened for writing."""
    if event in REFUSED or (event == "open" and writes(arguments)):
        raise RefusedError(f"importing did {event}{arguments[:2]}")


def writes(arguments: tuple[Any, ...]) -> bool:
    """True when the arguments of an `open` event ask for more than reading a file that is there."""
    _path, _mode, flags = arguments
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)) and _path != os.devnull


def catalogue(defs: "dg.Definitions") -> dict[str, Any]:
    """Every name a location gives to others, sorted, so that a difference is a decision."""
    repository = defs.get_repository_def()
    graph = repository.asset_graph
    return {
        "assets": {key.to_user_string(): described(graph.get(key)) for key in sorted(graph.get_all_asset_keys())},
        "checks": sorted(f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys),
        "jobs": {job.name: partitions(job.partitions_def) for job in jobs(repository)},
        "sensors": {sensor.name: sensor.default_status.value for sensor in repository.sensor_defs},
        "schedules": {
            schedule.name: f"{schedule.cron_schedule} {schedule.default_status.value}"
            for schedule in repository.schedule_defs
        },
        "resources": sorted(repository.get_top_level_resources()),
    }


def jobs(repository: Any) -> list[Any]:
    """The jobs somebody named; Dagster's own `__ASSET_JOB` is not one."""
    return sorted((job for job in repository.get_all_jobs() if not job.name.startswith("__")), key=lambda job: job.name)


def described(node: Any) -> str:
    """Group, whether it is run here, and partitions, in one line."""
    kind = "materializable" if node.is_materializable else "external"
    return f"{node.group_name} {kind} {partitions(node.partitions_def)}"


def partitions(definition: Any) -> str:
    """A partitions definition in a few words; two that differ in them are not the same to their users."""
    import dagster as dg

    match definition:
        case None:
            return "unpartitioned"
        case dg.TimeWindowPartitionsDefinition():
            return f"{definition.cron_schedule} from {definition.start:%Y-%m-%d}"
        case dg.DynamicPartitionsDefinition():
            return f"dynamic {definition.name}"
        case dg.MultiPartitionsDefinition():
            return " × ".join(f"{axis.name}: {partitions(axis.partitions_def)}" for axis in definition.partitions_defs)
        case _:
            return f"static {','.join(definition.get_partition_keys())}"


def locations() -> list[str]:
    """The code locations, by their folders."""
    return sorted(path.parent.name for path in PROJECTS.glob("*/pyproject.toml"))


def in_a_fresh_interpreter(location: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """This file, run for one location with no environment but the given one."""
    command = [sys.executable, "-I", "-B", __file__, location]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)


def snapshot(location: str) -> dict[str, Any]:
    """The catalogues of a location in all environments."""
    catalogues = {}
    for name in ENVIRONMENTS:
        finished = in_a_fresh_interpreter(location, {"DAGSTER_ENV": name})
        if finished.returncode:
            sys.exit(finished.stderr)
        catalogues[name] = json.loads(finished.stdout)
    return catalogues


def as_text(catalogues: dict[str, Any]) -> str:
    """The one way a snapshot is written: what is the same everywhere, then what each environment has of its own."""
    entries = {environment: set(flat(found)) for environment, found in catalogues.items()}
    everywhere = set.intersection(*entries.values())
    parts = {"every environment": everywhere} | {name: found - everywhere for name, found in entries.items()}
    return json.dumps({name: sorted(part) for name, part in parts.items()}, indent=1, ensure_ascii=False) + "\n"


def flat(found: dict[str, Any]) -> list[str]:
    """One line per name, such as `jobs: normalize_mitx_dev_tracking_logs = 0 0 * * * from 2021-03-10`."""
    return [
        f"{section}: {name}" + (f" = {names[name]}" if isinstance(names, dict) else "")
        for section, names in found.items()
        for name in names
    ]


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        SNAPSHOTS.mkdir(exist_ok=True)
        for name in locations():
            SNAPSHOTS.joinpath(f"{name}.json").write_text(as_text(snapshot(name)))
    else:
        importlib.import_module("dagster")  # its croniter starts `file`, to learn the size of an address
        sys.addaudithook(refuse)
        print(json.dumps(catalogue(importlib.import_module(f"{sys.argv[1]}.definitions").defs)))
