from pathlib import Path

import pytest

from ol_orchestrate.lib.container import Limits, container_limits

GIB = 1 << 30


def limits(mount: Path, membership: str = "") -> Limits:
    return container_limits(mount=mount, membership=membership, machine_memory_bytes=16 * GIB, usable_cpus=8)


def group(mount: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = mount / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return mount


V1_ENDLESS = "9223372036854771712"


@pytest.mark.parametrize(
    ("files", "membership", "expected"),
    [
        pytest.param({}, "", Limits(16 * GIB, 8), id="no control groups"),
        pytest.param({"memory.max": "max", "cpu.max": "max 100000"}, "0::/", Limits(16 * GIB, 8), id="v2 unlimited"),
        pytest.param({"memory.max": str(2 * GIB), "cpu.max": "150000 100000"}, "0::/", Limits(2 * GIB, 1), id="v2"),
        pytest.param({"cpu.max": "50000 100000"}, "0::/", Limits(16 * GIB, 1), id="less than one processor"),
        pytest.param({"memory.max": str(64 * GIB)}, "0::/", Limits(16 * GIB, 8), id="more than the machine has"),
        pytest.param(
            {"a/memory.max": str(GIB), "a/b/memory.max": "max", "a/b/cpu.max": "300000 100000", "c/memory.max": "1"},
            "0::/a/b\n",
            Limits(GIB, 3),
            id="v2, nested, the tightest ancestor",
        ),
        pytest.param(
            {
                "memory/memory.limit_in_bytes": str(3 * GIB),
                "cpu/cpu.cfs_quota_us": "400000",
                "cpu/cpu.cfs_period_us": "100000",
            },
            "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n",
            Limits(3 * GIB, 4),
            id="v1, seen from inside the container",
        ),
        pytest.param(
            {
                "memory/memory.limit_in_bytes": V1_ENDLESS,
                "cpu/cpu.cfs_quota_us": "-1",
                "cpu/cpu.cfs_period_us": "100000",
            },
            "4:memory:/\n3:cpu,cpuacct:/\n",
            Limits(16 * GIB, 8),
            id="v1 unlimited",
        ),
        pytest.param(
            {"memory.max": "?", "cpu.max": "x"}, "garbage\n\n0::/../../x\n", Limits(16 * GIB, 8), id="garbage"
        ),
        pytest.param({"cpu.max": "100000 0"}, "0::/", Limits(16 * GIB, 8), id="no period"),
    ],
)
def test_the_tightest_limit_counts(tmp_path: Path, files: dict[str, str], membership: str, expected: Limits):
    assert limits(group(tmp_path, files), membership) == expected


def test_a_group_that_cannot_be_read_limits_nothing(tmp_path: Path):
    (tmp_path / "memory.max").mkdir()

    assert limits(tmp_path) == Limits(16 * GIB, 8)
