from datetime import date
from pathlib import Path

import pytest

from ol_orchestrate.lib.environment import Environment
from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.openedx.deployments import load_deployments, read_deployments

ENTRY = """
  {name}:
    title: Fourth
    enabled: {enabled}
    lms_url: https://lms.example.edu/
    secret_path: pipelines/edx/{name}/edx-oauth-client
    raw_prefix: raw__{name}__openedx
    tracking_logs:
      bucket: "{name}-{{environment}}-logs"
      prefix: logs
      since: {{ qa: 2024-01-01, production: 2023-01-01 }}
"""


def entry(name: str = "fourth", enabled: str = "true") -> str:
    return ENTRY.format(name=name, enabled=enabled)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sites.yaml"
    path.write_text(text)
    return path


def test_the_sites_we_ship_are_those_of_the_platform():
    deployments = load_deployments({})

    assert [site.name for site in deployments.sites] == ["mitx", "mitxonline", "xpro"]
    assert [source.name for source in deployments.tracking_sources] == ["mitx", "mitxonline", "xpro", "edxorg"]


@pytest.mark.parametrize(
    ("name", "qa", "production"),
    [
        ("mitx", date(2021, 3, 10), date(2017, 6, 13)),
        ("mitxonline", date(2021, 7, 26), date(2021, 8, 18)),
        ("xpro", date(2021, 3, 31), date(2019, 8, 28)),
        ("edxorg", date(2023, 10, 10), date(2019, 8, 28)),
    ],
)
def test_first_days_of_tracking_logs(name: str, qa: date, production: date):
    (source,) = [source for source in load_deployments({}).tracking_sources if source.name == name]

    assert [source.start_date(env) for env in Environment] == [qa, qa, qa, production]


@pytest.mark.parametrize(
    ("name", "bucket", "prefixes", "raw_table"),
    [
        (
            "mitxonline",
            "mitxonline-{environment}-edxapp-tracking",
            ("logs", "valid", "jsonified"),
            "raw__mitxonline__openedx__tracking_logs",
        ),
        (
            "edxorg",
            "ol-data-lake-landing-zone-{environment}",
            ("edxorg-raw-data/logs", "edxorg-raw-data/valid", "edxorg-raw-data/jsonified"),
            "raw__edxorg__s3__tracking_logs",
        ),
    ],
)
def test_where_tracking_logs_lie(name: str, bucket: str, prefixes: tuple[str, ...], raw_table: str):
    (source,) = [source for source in load_deployments({}).tracking_sources if source.name == name]

    assert source.bucket == bucket
    assert (source.prefix, source.valid_prefix, source.jsonified_prefix) == prefixes
    assert source.raw_table == raw_table


def test_a_fourth_site_is_one_entry(tmp_path: Path):
    (site,) = read_deployments(written(tmp_path, "deployments:" + entry())).sites

    assert site.name == "fourth"
    assert site.lms_url == "https://lms.example.edu"
    assert site.tracking_source.raw_table == "raw__fourth__openedx__tracking_logs"


def test_a_disabled_site_makes_nothing(tmp_path: Path):
    path = written(tmp_path, "deployments:" + entry("one") + entry("two", enabled="false"))

    assert [site.name for site in read_deployments(path).sites] == ["one"]


@pytest.mark.parametrize("names", ["xpro,mitx", " mitx , xpro ,", "mitx,xpro,mitx"])
def test_narrowing_keeps_the_order_of_the_file(names: str):
    deployments = load_deployments({"OPENEDX_DEPLOYMENTS": names})

    assert [site.name for site in deployments.sites] == ["mitx", "xpro"]
    assert [source.name for source in deployments.tracking_sources] == ["mitx", "xpro", "edxorg"]


@pytest.mark.parametrize("names", ["mitxonlin", "mitx,edxorg", "mitx;xpro"])
def test_narrowing_to_an_unknown_site_names_the_known_ones(names: str):
    with pytest.raises(ConfigurationError, match=r"OPENEDX_DEPLOYMENTS names .* mitx, mitxonline, xpro"):
        load_deployments({"OPENEDX_DEPLOYMENTS": names})


def test_another_file_is_taken_whole(tmp_path: Path):
    path = written(tmp_path, "deployments:" + entry())

    for given, environ in [(str(path), {}), ("sites.yaml", {"OL_PROJECT_ROOT": str(tmp_path)})]:
        assert [site.name for site in load_deployments(environ | {"OL_OPENEDX_DEPLOYMENTS": given}).sites] == ["fourth"]


def test_a_missing_file_says_which_variable():
    with pytest.raises(ConfigurationError, match=r"/no/such\.yaml cannot be read .* OL_OPENEDX_DEPLOYMENTS"):
        load_deployments({"OL_OPENEDX_DEPLOYMENTS": "/no/such.yaml"})


def broken(old: str, new: str) -> str:
    text = "deployments:" + entry()
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (broken("    title: Fourth\n", ""), "deployments.fourth.title: Field required"),
        (broken("prefix: logs", "prefix: /logs"), "deployments.fourth.tracking_logs.prefix: .*without a slash"),
        (broken("prefix: logs", "prefix: raw/valid"), "tracking_logs.prefix: .*a folder of their own"),
        (broken("{environment}", "{env}"), r"tracking_logs.bucket: .*only placeholder is \{environment\}"),
        (broken("qa: 2024-01-01, ", ""), "deployments.fourth.tracking_logs.since.qa: Field required"),
        (broken("2024-01-01", "soon"), "since.qa: .*date.* \\(found 'soon'\\)"),
        (broken("https://", "ftp://"), "deployments.fourth.lms_url"),
        (broken("raw__fourth__openedx", "fourth"), "raw_prefix: .*'raw__mitx__openedx'"),
        (broken("enabled: true", "enabled: maybe"), "deployments.fourth.enabled: .*boolean"),
        (broken("  fourth:", "  Fourth-Site:"), "deployments.Fourth-Site.*is not a name"),
        (broken("    title", "    titel: x\n    title"), "deployments.fourth.titel: Extra inputs"),
        ("deployments: {}", "deployments: .*at least 1"),
        ("sites: []", "deployments: Field required"),
        ("", "the file: "),
        ("[1, 2]", "the file: "),
    ],
)
def test_a_wrong_entry_names_file_entry_and_field(tmp_path: Path, text: str, message: str):
    path = written(tmp_path, text)

    with pytest.raises(ConfigurationError, match=f"(?s){path} does not describe.*{message}"):
        read_deployments(path)


def test_every_mistake_is_told_at_once(tmp_path: Path):
    path = written(tmp_path, broken("prefix: logs", "prefix: ''").replace("title: Fourth", "title: ''"))

    with pytest.raises(ConfigurationError) as caught:
        read_deployments(path)
    assert caught.value.message.count("\n  ") == 2


@pytest.mark.parametrize("text", ["deployments: {", "\tx", "deployments:" + entry() + entry()])
def test_what_is_not_yaml_or_there_twice_is_refused(tmp_path: Path, text: str):
    with pytest.raises(ConfigurationError, match="is not YAML"):
        read_deployments(written(tmp_path, text))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (entry("other").replace("raw__other__", "raw__fourth__"), "raw__fourth__openedx is used twice"),
        (
            (
                "\ntracking_sources:\n  fourth: { bucket: some-logs, prefix: logs, "
                "since: { qa: 2024-01-01, production: 2023-01-01 } }\n"
            ),
            "fourth is a site already",
        ),
    ],
)
def test_two_platforms_never_share_a_name_or_a_table(tmp_path: Path, second: str, message: str):
    with pytest.raises(ConfigurationError, match=message):
        read_deployments(written(tmp_path, "deployments:" + entry() + second))
