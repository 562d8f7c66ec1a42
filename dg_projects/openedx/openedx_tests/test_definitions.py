"""The location is a function of the environment and one file."""

import dagster as dg
import pytest
import yaml

from ol_orchestrate.lib.errors import ConfigurationError
from openedx.definitions import Settings, build_definitions


def job_names(environ):
    return {job.name for job in build_definitions(Settings.from_environ(environ)).resolve_all_job_defs()}


def test_a_process_can_be_narrowed_to_some_sites(tmp_path):
    environ = {"OL_DATA_DIR": str(tmp_path), "OPENEDX_DEPLOYMENTS": "xpro"}
    defs = build_definitions(Settings.from_environ(environ))

    assert {name for name in job_names(environ) if name.startswith("normalize")} == {
        "normalize_xpro_dev_tracking_logs",
        "normalize_edxorg_dev_tracking_logs",
    }
    assert {key.path[0] for key in defs.resolve_asset_graph().get_all_asset_keys()} == {"xpro"}


def test_a_fourth_site_is_one_entry(tmp_path, repo_root):
    document = yaml.safe_load((repo_root / "dg_deployments" / "openedx.yaml").read_text())
    document["deployments"]["campus"] = document["deployments"]["xpro"] | {
        "title": "Campus",
        "raw_prefix": "raw__campus__openedx",
        "tracking_logs": {
            "bucket": "campus-{environment}-logs",
            "prefix": "tracking",
            "since": {"qa": "2026-01-01", "production": "2026-02-01"},
        },
    }
    path = tmp_path / "openedx.yaml"
    path.write_text(yaml.safe_dump(document))
    defs = build_definitions(
        Settings.from_environ({"OL_DATA_DIR": str(tmp_path), "OL_OPENEDX_DEPLOYMENTS": str(path), "DAGSTER_ENV": "qa"})
    )

    assert defs.resolve_job_def("normalize_campus_qa_tracking_logs")
    assert defs.resolve_job_def("jsonify_campus_qa_tracking_logs")
    assert defs.resolve_sensor_def("campus_openedx_automation_sensor")
    assert dg.AssetKey(["campus", "openedx", "processed_data", "course_outline"]) in (
        defs.resolve_asset_graph().get_all_asset_keys()
    )


def test_an_unknown_environment_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="one of dev, ci, qa, production"):
        Settings.from_environ({"DAGSTER_ENV": "prod", "OL_DATA_DIR": str(tmp_path)})


def test_making_the_definitions_touches_no_disk(tmp_path):
    job_names({"OL_DATA_DIR": str(tmp_path / "data")})

    assert not list(tmp_path.iterdir())
