"""No function of one engine outside of macros/cross_db, and everything in there for both engines."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest

# What means the same on DuckDB and on Trino; everything else goes through a macro of macros/cross_db.
PORTABLE = {
    "coalesce", "count", "dense_rank", "first_value", "lag", "last_value", "lead", "lpad", "max", "min", "nullif",
    "rank", "replace", "row_number", "sum",
}  # fmt: skip
TYPES = {"boolean", "integer", "bigint", "double", "varchar", "date", "timestamp(6)"}
# Followed by a parenthesis, and no function.
KEYWORDS = {
    "and", "as", "by", "cast", "decimal", "distinct", "except", "exists", "from", "in", "insert", "intersect", "is",
    "join", "like", "not", "on", "or", "over", "select", "then", "timestamp", "union", "using", "values", "when",
    "where", "with",
}  # fmt: skip
# One engine's own grammar, or one sign with two meanings (7 / 2 is 3.5 on DuckDB and 3 on Trino).
GRAMMAR = {
    "::": r"::",
    "/": r"/",
    "%": r"%",
    "->": r"->",
    "[": r"\[",
    "qualify": r"\bqualify\b",
    "ilike": r"\bilike\b",
    "group by all": r"\bgroup\s+by\s+all\b",
    "exclude": r"\bexclude\b",
    "try_cast": r"\btry_cast\b",
    "interval": r"\binterval\b",
    "filter": r"\bfilter\b",
    "asof": r"\basof\b",
    "limit": r"\blimit\b",
}


def dialect(source: str) -> set[str]:
    """What a template has that is not the same on both engines, by the names above."""
    sql, templates = split(source)
    found = {name for name in functions(sql) if name not in PORTABLE | KEYWORDS}
    # SQL in the strings that are given to macros: "replace(x, '/', '')"
    for text in templates:
        found |= {name for name in functions(text) if name not in PORTABLE | KEYWORDS}
    found |= {name for name, pattern in GRAMMAR.items() if re.search(pattern, sql)}
    return found | {kind for kind in re.findall(r"\bas (\w+(?:\([\d, ]+\))?)\)", sql) if is_foreign_type(kind)}


def functions(sql: str) -> set[str]:
    return set(re.findall(r"\b([a-z_]\w*)\s*\(", sql.lower()))


def is_foreign_type(kind: str) -> bool:
    """As what something is cast; a decimal has digits, and a timestamp says how many."""
    return kind.lower() not in TYPES and not re.fullmatch(r"decimal\(\d+, ?\d+\)", kind)


def split(source: str) -> tuple[str, list[str]]:
    """SQL in lower case without templates, comments, texts and quoted names; and the strings inside of templates."""
    source = re.sub(r"\{#.*?#\}", " ", source, flags=re.DOTALL)
    templates = re.findall(r"\{\{.*?\}\}|\{%.*?%\}", source, flags=re.DOTALL)
    sql = re.sub(r"\{\{.*?\}\}", "x", source, flags=re.DOTALL)
    sql = re.sub(r"\{%.*?%\}", " ", sql, flags=re.DOTALL)
    sql = re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL)
    sql = re.sub(r"'(?:[^']|'')*'", "''", sql)
    strings = [text for template in templates for text in re.findall(r'"((?:[^"\\]|\\.)*)"', template)]
    return re.sub(r'"[^"]*"', "x", sql).lower(), strings


@pytest.fixture(scope="module")
def project(repo_root: Path) -> Path:
    return repo_root / "src" / "ol_dbt"


def sources(project: Path) -> Iterator[Path]:
    """Models, and the macros they are made of."""
    yield from (project / "models").rglob("*.sql")
    for path in (project / "macros").rglob("*.sql"):
        if not {"cross_db", "generated", "overrides"} & set(path.relative_to(project).parts):
            yield path


def test_models_have_no_dialect(project: Path) -> None:
    found = {str(path.relative_to(project)): dialect(path.read_text()) for path in sources(project)}
    assert {path: names for path, names in found.items() if names} == {}


def test_data_tests_have_no_dialect(project: Path) -> None:
    paths = [path for kind in ("generic", "singular") for path in (project / "tests" / kind).glob("*.sql")]
    assert {path.name: found for path in paths if (found := dialect(path.read_text()))} == {}


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select strftime(a, '%Y') from x", {"strftime"}),
        ("select a::date from x", {"::"}),
        ("select greatest(a, b)", {"greatest"}),
        ("select a / b", {"/"}),
        ("select cast(a as timestamp)", {"timestamp"}),
        ("select cast(a as text)", {"text"}),
        ("select cast(a as decimal(9, 2)), cast(a as timestamp(6))", set()),
        ("select a from x qualify row_number() over (partition by b) = 1", {"qualify"}),
        ("select a from x group by all", {"group by all"}),
        ("select * exclude (a) from x", {"exclude"}),
        ("select {{ strip(\"regexp_replace(a, 'b', '')\") }}", {"regexp_replace"}),
        ("select try_cast(a as bigint)", {"try_cast"}),
        ("select 'strftime(x)' as \"date_trunc(x)\" -- strptime(x)\n{# a::b #}", set()),
        ("select {{ json_text('a', ['b']) }}, count(*) from (select 1) where a in ('b/c') and (b)", set()),
    ],
)
def test_the_check_sees_dialect_and_nothing_else(sql: str, names: set[str]) -> None:
    assert names <= dialect(sql)
    assert bool(dialect(sql)) == bool(names)


HELPERS = {"unsupported_engine", "portable_pattern"}


def functions_of_engines(project: Path) -> list[Path]:
    return [path for path in sorted((project / "macros" / "cross_db").glob("*.sql")) if path.stem not in HELPERS]


def test_every_function_has_a_form_for_both_engines_and_none_for_others(project: Path) -> None:
    for path in functions_of_engines(project):
        text = path.read_text()
        for engine in ("duckdb", "trino", "default"):
            assert f"{{% macro {engine}__{path.stem}(" in text, path
        assert f"unsupported_engine('{path.stem}')" in text.split(f"macro default__{path.stem}")[1].split("endmacro")[0]


def test_every_function_has_a_truth_table_with_a_null(project: Path) -> None:
    for path in functions_of_engines(project):
        table = project / "tests" / "cross_db" / f"truth_of_{path.stem}.sql"
        assert table.is_file(), table
        assert re.search(r"\(null, null[,)]|\(null, \w", table.read_text()), table


class Refused(Exception):  # noqa: N818
    pass


def refuse(message: str) -> None:
    raise Refused(message)


@pytest.mark.parametrize("pattern", ["^a$", r"\w+", r"\s", r"\d", r"a\b", "[[:alpha:]]", "(?i)a", "(?:a)"])
def test_a_pattern_that_engines_read_differently_is_refused(project: Path, pattern: str) -> None:
    with pytest.raises(Refused, match="write"):
        portable_pattern(project, pattern)


@pytest.mark.parametrize("pattern", [r"^([a-z]+|\p{L})-[^/]*\z", "[+]block@(.+)"])
def test_a_portable_pattern_stays_as_it_is(project: Path, pattern: str) -> None:
    assert portable_pattern(project, pattern) == pattern


def portable_pattern(project: Path, pattern: str) -> str:
    source = (project / "macros" / "cross_db" / "portable_pattern.sql").read_text()
    template = jinja2.Environment(autoescape=False).from_string(source)  # noqa: S701 (SQL, as dbt renders it)
    module = template.make_module({"exceptions": SimpleNamespace(raise_compiler_error=refuse)})
    return str(module.portable_pattern(pattern))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("schema", "custom", "expected"),
    [("main", "mart", "mart"), ("main", None, "main"), ("ada", "mart", "mart_ada"), ("ada", None, "main_ada")],
)
def test_schemas_are_layers_and_a_person_may_have_their_own(
    project: Path, schema: str, custom: str | None, expected: str
) -> None:
    source = (project / "macros" / "generate_schema_name.sql").read_text()
    template = jinja2.Environment(autoescape=False).from_string(source)  # noqa: S701 (SQL, as dbt renders it)
    module = template.make_module({"target": SimpleNamespace(schema=schema)})
    assert str(module.generate_schema_name(custom, None)).strip() == expected  # type: ignore[attr-defined]
