"""Two builds at once on Trino: Iceberg lets one through at a time, and nothing half-made is ever read."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lakehouse_tests.remote.conftest import RUNS, Dbt, Remote, finished

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

MARTS = ("dim_course__content", "dim_course__run")
SELECTED = ("run", "--select", *(f"+{mart}" for mart in MARTS), "--quiet")
ROWS = {"dim_course__content": 2 * RUNS, "dim_course__run": RUNS}
ROUNDS = 4


@contextmanager
def reader_of_the_marts(remote: Remote) -> Iterator[set[Any]]:
    """Counts their rows all the time; what it saw, errors too."""
    seen: set[Any] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            for mart in MARTS:
                try:
                    seen.add((mart, remote.query(f"select count(*) from mart.{mart}")[0][0]))
                except Exception as error:  # noqa: BLE001 (whatever a reader gets instead of its rows)
                    seen.add((mart, str(error)))
            time.sleep(0.1)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def test_a_build_gives_way_or_passes_and_readers_see_whole_marts(remote: Remote, dbt: Dbt) -> None:
    build, here = [*SELECTED, "--target", "dev_trino"], remote.of_this_machine()
    code, said = dbt.run(*build, **here)
    assert code == 0, said
    undisturbed = remote.rows("mart", *MARTS)
    assert {mart: len(rows) for mart, rows in undisturbed.items()} == ROWS

    gave_way = 0
    with reader_of_the_marts(remote) as seen:
        for _ in range(ROUNDS):
            both = [dbt.start(*build, name=name, **here) for name in ("one", "two")]
            for code, said in map(finished, both):
                assert code == 0 or (code == 1 and "Another build was writing the same schemas" in said), said
                gave_way += code
            assert remote.rows("mart", *MARTS) == undisturbed
            if gave_way:
                break
    assert gave_way, "two builds of the same tables that start together meet"
    assert seen == set(ROWS.items())

    code, said = dbt.run(*build, **here)
    assert code == 0, said
    assert "Another build" not in said
    assert remote.rows("mart", *MARTS) == undisturbed


def test_builds_into_schemas_of_their_own_do_not_meet(remote: Remote, dbt: Dbt) -> None:
    people = ("bea", "cem")
    builds = [
        dbt.start(*SELECTED, "--target", "qa", name=person, **remote.by_token(DBT_SCHEMA_SUFFIX=person))
        for person in people
    ]
    assert [(code, "Another build" in said) for code, said in map(finished, builds)] == [(0, False)] * 2
    ours, theirs = (remote.rows(f"mart_{person}", *MARTS) for person in people)
    assert ours == theirs
    assert {mart: len(rows) for mart, rows in ours.items()} == ROWS

    ran = {path.stem: path.read_text().lower() for path in (dbt.folder / "bea" / "run").rglob("*.sql")}
    for mart in MARTS:  # made empty and then filled, it would be empty for readers, and filled twice by two builds
        assert "create or replace table" in ran[mart]
        assert "insert into" not in ran[mart]
