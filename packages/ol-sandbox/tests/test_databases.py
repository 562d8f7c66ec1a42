"""The source databases, read with SQLite's own driver and held against the schema they promise."""

import json
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ol_sandbox.behaviour import events_of
from ol_sandbox.business.institution import Institution
from ol_sandbox.business.learning import attempts
from ol_sandbox.business.orders import dollars
from ol_sandbox.databases.writing import open_database
from ol_sandbox.recipe import Recipe
from ol_sandbox.schema import DATABASES, tables

SIZES = {"tiny": [name for name in DATABASES if not name.startswith("mitx__")], "small": list(DATABASES)}
"""The databases of each size that is tested; tiny has no residential site."""

type Connect = Callable[[str, str], sqlite3.Connection]


@pytest.fixture(scope="module")
def small(make_sandbox: Callable[[Recipe], Any]) -> Any:
    return make_sandbox(Recipe(7, "small", days=1))


@pytest.fixture(scope="module")
def connect(sandbox: Any, small: Any) -> Iterator[Connect]:
    opened: dict[tuple[str, str], sqlite3.Connection] = {}

    def connect_to(size: str, name: str) -> sqlite3.Connection:
        if (size, name) not in opened:
            place = {"tiny": sandbox, "small": small}[size].path(f"databases/{name}.sqlite")
            opened[size, name] = sqlite3.connect(f"file:{place}?mode=ro", uri=True)
        return opened[size, name]

    yield connect_to
    for connection in opened.values():
        connection.close()


EACH = pytest.mark.parametrize(("size", "name"), [(size, name) for size, names in SIZES.items() for name in names])


@EACH
class TestIntegrity:
    def test_tables_and_columns_are_those_of_the_schema(self, connect: Connect, size: str, name: str) -> None:
        connection = connect(size, name)
        found = {
            table: [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
            for (table,) in connection.execute("SELECT name FROM sqlite_master")
        }
        assert found == {table.name: list(table.columns) for table in tables(name).values()}

    def test_what_is_never_null_is_never_null(self, connect: Connect, size: str, name: str) -> None:
        for table in tables(name).values():
            for column in table.columns.values():
                if column.never_null:
                    query = f'SELECT count(*) FROM "{table.name}" WHERE "{column.name}" IS NULL'
                    assert one(connect(size, name), query) == 0, f"{table.name}.{column.name}"

    def test_what_is_unique_is_unique_in_the_newest_state(self, connect: Connect, size: str, name: str) -> None:
        for table in tables(name).values():
            of = f'"{table.name}"'
            if table.is_appended:
                of += f' WHERE _airbyte_extracted_at = (SELECT max(_airbyte_extracted_at) FROM "{table.name}")'
            for column in table.columns.values():
                if column.unique:
                    total, distinct = (
                        connect(size, name)
                        .execute(f'SELECT count("{column.name}"), count(DISTINCT "{column.name}") FROM {of}')
                        .fetchone()
                    )
                    assert total == distinct, f"{table.name}.{column.name}"

    def test_what_is_referred_to_exists(self, connect: Connect, size: str, name: str) -> None:
        for table in tables(name).values():
            for column in table.columns.values():
                if column.references:
                    target, key = column.references.split(".")
                    query = (
                        f'SELECT count(*) FROM "{table.name}" AS t WHERE t."{column.name}" IS NOT NULL AND '
                        f'CAST(t."{column.name}" AS TEXT) NOT IN (SELECT CAST("{key}" AS TEXT) FROM "{target}")'
                    )
                    assert one(connect(size, name), query) == 0, f"{table.name}.{column.name} -> {column.references}"

    def test_closed_sets_are_closed(self, connect: Connect, size: str, name: str) -> None:
        for table in tables(name).values():
            for column in table.columns.values():
                if column.values:
                    query = f'SELECT DISTINCT "{column.name}" FROM "{table.name}" WHERE "{column.name}" IS NOT NULL'
                    found = {value for (value,) in connect(size, name).execute(query)}
                    assert found <= set(column.values), f"{table.name}.{column.name}"

    def test_every_table_that_the_core_reads_has_rows(self, connect: Connect, size: str, name: str) -> None:
        for table in tables(name).values():
            if table.is_core:
                assert one(connect(size, name), f'SELECT count(*) FROM "{table.name}"') > 0, table.name

    def test_values_have_the_form_of_their_type(self, connect: Connect, size: str, name: str) -> None:
        forms = {
            "timestamp": "____-__-__ __:__:__.______",
            "date": "____-__-__",
        }
        for table in tables(name).values():
            for column in table.columns.values():
                if column.type in forms:
                    query = (
                        f'SELECT count(*) FROM "{table.name}" WHERE "{column.name}" NOT LIKE \'{forms[column.type]}\''
                    )
                    assert one(connect(size, name), query) == 0, f"{table.name}.{column.name}"
                if column.type == "json":
                    told = f'"{column.name}" IS NOT NULL AND NOT json_valid("{column.name}")'
                    query = f'SELECT count(*) FROM "{table.name}" WHERE {told}'
                    assert one(connect(size, name), query) == 0, f"{table.name}.{column.name}"

    def test_rows_are_those_of_the_truth(
        self, connect: Connect, sandbox: Any, small: Any, size: str, name: str
    ) -> None:
        truth = {"tiny": sandbox, "small": small}[size].truth["databases"][f"sources/databases/{name}.sqlite"]
        assert truth["database"] == name
        for table, entry in truth["tables"].items():
            found = one(connect(size, name), f'SELECT count(*) FROM "{table}"')
            assert found == entry["rows"] + entry["older_states"], table
            assert entry["raw_table"] == f"raw__{name}__{table}"
        assert truth["rows"] == sum(entry["rows"] for entry in truth["tables"].values())


def one(connection: sqlite3.Connection, query: str) -> Any:
    return connection.execute(query).fetchone()[0]


SITES = ("mitxonline", "xpro")


@pytest.mark.parametrize("platform", SITES)
class TestSite:
    def test_a_problem_answered_in_the_logs_has_a_state(self, sandbox: Any, connect: Connect, platform: str) -> None:
        connection = connect("tiny", f"{platform}__openedx__mysql")
        states = {
            (int(student), module): json.loads(state)
            for student, module, state in connection.execute(
                "SELECT student_id, module_id, state FROM courseware_studentmodule ORDER BY _airbyte_extracted_at"
            )
        }
        users = {account.username: account.user_id for account in sandbox.registry.accounts[platform]}
        last: dict[tuple[int, str], int] = {}
        for line in sorted(sandbox.distinct(platform), key=lambda line: line.at):
            if line.called == "problem_check" and line.row["event_source"] == "server" and line.username:
                last[users[line.username], line.payload["problem_id"]] = line.payload["attempts"]
        assert len(last) > 20
        assert last.keys() <= states.keys()

    def test_scores_are_what_events_and_history_say(self, sandbox: Any, connect: Connect, platform: str) -> None:
        """Recounted from the plan: the last score of every learner in every problem."""
        registry = sandbox.registry
        institution = Institution.build(registry)
        expected: dict[tuple[int, str], float] = {}
        for taken in institution.participations[platform]:
            for attempt in attempts(registry.recipe.seed, taken.account, taken.term, taken.at):
                expected[taken.account.user_id, taken.term.run.usage_key(attempt.problem)] = float(attempt.is_correct)
        (site,) = [found for found in registry.platforms if found.name == platform]
        for day in registry.recipe.log_days:
            for event in events_of(registry, site, day):
                if event.name == "problem_check" and isinstance(event.payload, dict) and "grade" in event.payload:
                    key = (event.visit.account.user_id, event.visit.run.usage_key(event.block))
                    expected[key] = float(event.payload["grade"])
        query = "SELECT student_id, module_id, grade FROM courseware_studentmodule WHERE grade IS NOT NULL AND "
        newest = "_airbyte_extracted_at = (SELECT max(_airbyte_extracted_at) FROM courseware_studentmodule)"
        found = connect("tiny", f"{platform}__openedx__mysql").execute(query + newest)
        assert {(int(student), module): float(grade) for student, module, grade in found} == expected

    def test_nothing_is_earned_without_an_enrolment(self, connect: Connect, platform: str) -> None:
        connection = connect("tiny", f"{platform}__openedx__mysql")
        enrolled = "SELECT user_id || course_id FROM student_courseenrollment"
        for table, student in (
            ("courseware_studentmodule", "student_id"),
            ("grades_persistentcoursegrade", "user_id"),
            ("certificates_generatedcertificate", "user_id"),
            ("grades_persistentsubsectiongrade", "user_id"),
        ):
            query = f"SELECT count(*) FROM {table} WHERE {student} || course_id NOT IN ({enrolled})"
            assert one(connection, query) == 0, table
            assert one(connection, f"SELECT count(*) FROM {table}") > 0, table

    def test_a_course_grade_is_the_sum_of_its_sections(self, connect: Connect, platform: str) -> None:
        query = """
            SELECT count(*), max(abs(g.percent_grade - (
                SELECT sum(earned_graded) FROM grades_persistentsubsectiongrade AS s
                WHERE s.user_id = g.user_id AND s.course_id = g.course_id
                AND s._airbyte_extracted_at = g._airbyte_extracted_at
            ) / 12.0)) FROM grades_persistentcoursegrade AS g
            WHERE g._airbyte_extracted_at = (SELECT max(_airbyte_extracted_at) FROM grades_persistentcoursegrade)
        """
        graded, off = connect("tiny", f"{platform}__openedx__mysql").execute(query).fetchone()
        assert graded > 10
        assert off < 0.0001

    def test_application_and_site_agree(self, connect: Connect, platform: str) -> None:
        site, application = (
            connect("tiny", f"{platform}__openedx__mysql"),
            connect("tiny", f"{platform}__app__postgres"),
        )
        assert one(application, "SELECT count(*) FROM courses_courserunenrollment") == one(
            site, "SELECT count(*) FROM student_courseenrollment"
        )
        assert one(application, "SELECT count(*) FROM courses_courseruncertificate") == one(
            site,
            "SELECT count(DISTINCT id) FROM certificates_generatedcertificate "
            "WHERE status IN ('downloadable', 'unavailable')",
        )
        usernames = {name for (name,) in site.execute("SELECT username FROM auth_user")}
        assert usernames <= {name for (name,) in application.execute("SELECT username FROM users_user")}


class TestDirt:
    def test_older_states_are_older_and_say_less(self, sandbox: Any, connect: Connect) -> None:
        connection = connect("tiny", "mitxonline__openedx__mysql")
        repeated = connection.execute(
            "SELECT id, count(*), min(_airbyte_extracted_at) < max(_airbyte_extracted_at) "
            "FROM courseware_studentmodule GROUP BY id HAVING count(*) > 1"
        ).fetchall()
        tables_of = sandbox.truth["databases"]["sources/databases/mitxonline__openedx__mysql.sqlite"]["tables"]
        assert len(repeated) == tables_of["courseware_studentmodule"]["older_states"] > 0
        assert all(count == 2 and is_older for _, count, is_older in repeated)

    def test_every_kind_is_recounted(self, sandbox: Any, connect: Connect) -> None:
        dirt, names = sandbox.truth["dirt"], SIZES["tiny"]
        found: Counter[str] = Counter()
        for name in names:
            connection = connect("tiny", name)
            for table in tables(name).values():
                total = one(connection, f'SELECT count(*) FROM "{table.name}"')
                newest = total
                if table.is_appended:
                    newest = one(
                        connection,
                        f'SELECT count(*) FROM "{table.name}" WHERE _airbyte_extracted_at = '
                        f'(SELECT max(_airbyte_extracted_at) FROM "{table.name}")',
                    )
                found["airbyte_duplicate"] += total - newest
                found["literal_null"] += sum(
                    one(connection, f'SELECT count(*) FROM "{table.name}" WHERE "{column.name}" = \'null\'')
                    for column in table.columns.values()
                    if column.type == "varchar"
                )
        for platform in SITES:
            query = "SELECT count(*) FROM auth_user WHERE username LIKE 'retired!_!_user!_%' ESCAPE '!'"
            found["retired_user"] += one(connect("tiny", f"{platform}__openedx__mysql"), query)
        query = "SELECT count(DISTINCT username) FROM mitx_user_info_combo WHERE username LIKE 'retired%'"
        assert one(connect("tiny", "irx__edxorg__bigquery"), query) <= dirt["retired_user"]["by_platform"]["edxorg"]
        assert found["retired_user"] == sum(dirt["retired_user"]["by_platform"][name] for name in SITES) > 0
        assert found["airbyte_duplicate"] == dirt["airbyte_duplicate"]["count"] > 0
        assert found["literal_null"] == dirt["literal_null"]["count"] > 0
        assert dirt["padded_name"]["count"] > 0

    def test_without_dirt_there_is_none(self, clean_sandbox: Any) -> None:
        assert all(entry["count"] == 0 for entry in clean_sandbox.truth["dirt"].values())
        place = clean_sandbox.path("databases/mitxonline__app__postgres.sqlite")
        connection = sqlite3.connect(f"file:{place}?mode=ro", uri=True)
        assert (
            one(connection, "SELECT count(*) FROM users_user WHERE name LIKE '%   %' OR username LIKE 'retired%'") == 0
        )
        connection.close()


class TestBusiness:
    def test_money_in_the_database_is_money_in_the_answers(self, sandbox: Any, connect: Connect) -> None:
        query = """
            SELECT substr(created_on, 1, 7), transaction_type, sum(CAST(round(amount * 100) AS INTEGER))
            FROM ecommerce_transaction GROUP BY 1, 2
        """
        found = {
            (month, kind): cents for month, kind, cents in connect("tiny", "mitxonline__app__postgres").execute(query)
        }
        told = [entry for entry in sandbox.truth["answers"]["revenue"] if entry["platform"] == "mitxonline"]
        assert len(told) > 2
        for entry in told:
            assert dollars(found.get((entry["month"], "payment"), 0)) == entry["payments"]
            assert dollars(found.get((entry["month"], "refund"), 0)) == entry["refunds"]

    def test_bootcamps_and_xpro_too(self, sandbox: Any, connect: Connect) -> None:
        queries = {
            "bootcamps": "SELECT sum(CAST(round(total_price_paid * 100) AS INTEGER)) FROM ecommerce_order",
            "xpro": "SELECT sum(CAST(round(total_price_paid * 100) AS INTEGER)) FROM ecommerce_order "
            "WHERE status = 'fulfilled'",
        }
        for shop, query in queries.items():
            net = sum(float(e["net"]) for e in sandbox.truth["answers"]["revenue"] if e["platform"] == shop)
            assert one(connect("tiny", f"{shop}__app__postgres"), query) == round(net * 100)

    def test_a_tree_of_requirements_is_a_tree(self, connect: Connect) -> None:
        nodes = (
            connect("tiny", "mitxonline__app__postgres")
            .execute("SELECT path, depth, numchild, node_type, course_id, operator FROM courses_programrequirement")
            .fetchall()
        )
        paths = {path for path, *_ in nodes}
        assert len(paths) == len(nodes) > 8
        for path, depth, children, kind, course, operator in nodes:
            assert len(path) == 4 * depth
            assert depth == 1 or path[:-4] in paths
            assert children == sum(other[:-4] == path for other in paths if len(other) == len(path) + 4)
            assert (course is not None) == (kind == "course")
            assert (operator is not None) == (kind == "operator")
        assert {kind for _, _, _, kind, *_ in nodes} == {"program_root", "operator", "course", "program"}

    def test_program_certificates(self, sandbox: Any, connect: Connect) -> None:
        query = """
            SELECT p.readable_id, count(c.id) FROM courses_program AS p
            LEFT JOIN courses_programcertificate AS c ON c.program_id = p.id GROUP BY 1
        """
        for platform in SITES:
            found = dict(connect("tiny", f"{platform}__app__postgres").execute(query).fetchall())
            told = {
                e["program"]: e["certificates"]
                for e in sandbox.truth["answers"]["programs"]
                if e["platform"] == platform
            }
            assert found == told
            assert sum(found.values()) > 0

    def test_runs(self, sandbox: Any, connect: Connect) -> None:
        query = """
            SELECT r.courseware_id, count(*), sum(e.active), count(g.id), coalesce(sum(g.passed), 0),
                   sum(coalesce(NOT c.is_revoked, 0))
            FROM courses_courserun AS r JOIN courses_courserunenrollment AS e ON e.run_id = r.id
            LEFT JOIN courses_courserungrade AS g ON g.course_run_id = r.id AND g.user_id = e.user_id
            LEFT JOIN courses_courseruncertificate AS c ON c.course_run_id = r.id AND c.user_id = e.user_id
            GROUP BY 1
        """
        columns = ("enrolled", "active", "graded", "passed", "certificates")
        for platform in SITES:
            found = connect("tiny", f"{platform}__app__postgres").execute(query).fetchall()
            assert {row[0]: row[1:] for row in found} == {
                run["course_id"]: tuple(run[column] for column in columns)
                for run in sandbox.truth["answers"]["runs"]
                if run["platform"] == platform and run["enrolled"]
            }

    def test_what_research_counted_is_what_happened(self, sandbox: Any, connect: Connect) -> None:
        registry, expected = sandbox.registry, Counter[tuple[int, str]]()
        (platform,) = [found for found in registry.platforms if found.name == "edxorg"]
        for day in registry.recipe.log_days:
            for event in events_of(registry, platform, day):
                if event.event_type == "play_video":
                    old = event.visit.run.course_id.removeprefix("course-v1:").replace("+", "/")
                    expected[event.visit.account.user_id, old] += 1
        query = "SELECT user_id, course_id, nplay_video FROM mitx_person_course WHERE nplay_video IS NOT NULL"
        found = connect("tiny", "irx__edxorg__bigquery").execute(query)
        assert {(user, course): plays for user, course, plays in found} == expected


def test_the_command_line_tool_finds_nothing_wrong(sandbox: Any) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("the sqlite3 command is not installed")
    for path in sandbox.truth["databases"]:
        place = sandbox.built.output / path
        said = subprocess.run(
            ["sqlite3", "-readonly", str(place), "PRAGMA integrity_check"], check=True, capture_output=True, text=True
        )
        assert said.stdout.strip() == "ok"


def test_a_row_with_a_column_nobody_knows_is_refused(tmp_path: Path, sandbox: Any) -> None:
    now = sandbox.registry.enrolments["xpro"][0].at
    with open_database("xpro__app__postgres", tmp_path / "db", now) as database:
        with pytest.raises(ValueError, match="bogus"):
            database.add("courses_platform", {"id": 1, "name": "x", "bogus": 1})
        with pytest.raises(ValueError, match="needs"):
            database.add("courses_platform", {"id": 1})
        database.add_what_fits("no such table", {"id": 1})
        database.add_what_fits("courses_platform", {"id": 1, "name": "x", "bogus": 1})
        assert database.rows == {"courses_platform": 1}


def test_every_table_that_the_core_reads_is_fed(small: Any) -> None:
    """67 raw tables: those of databases are tested above, the others come from logs, packages, an API and a report."""
    in_databases = [table.raw_name for name in DATABASES for table in tables(name).values() if table.is_core]
    truth, sites = small.truth, ("mitxonline", "xpro", "mitx")
    logs = [f"raw__{site}__openedx__tracking_logs" for site in sites if truth["platforms"][site]["events"]]
    logs += ["raw__edxorg__s3__tracking_logs"] if truth["platforms"]["edxorg"]["events"] else []
    answering = {entry["platform"] for entry in truth["course_blocks"].values() if entry["blocks"]}
    blocks = [f"raw__{site}__openedx__api__course_blocks" for site in sites if site in answering]
    packages = (
        ["raw__edxorg__s3__course_blocks"] if any(p["runs"][0]["blocks"] for p in truth["packages"].values()) else []
    )
    reports = [entry["raw_table"] for entry in truth["reports"].values() if "learner" in entry["raw_table"]]
    assert len({*in_databases, *logs, *blocks, *packages, *reports}) == 67
