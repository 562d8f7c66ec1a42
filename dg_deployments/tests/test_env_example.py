"""Every variable the code reads is in .env.example, and nothing else is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

# Read by a library or a program of others on our behalf, and so in no file of ours.
READ_BY_OTHERS = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "DAGSTER_HOME",
}
CODE = ("packages/*/src/**/*.py", "dg_projects/*/*/**/*.py", "bin/*.py", "conftest.py", "benchmarks/**/*.py")
TEMPLATES = ("src/ol_dbt/*.yml", "src/ol_dbt/models/**/*", "src/ol_dbt/macros/**/*.sql", "dg_deployments/**/*.yaml")
OURS = re.compile(r"(?:OL|OPENEDX|DAGSTER|DBT|VAULT)_[A-Z0-9_]+")
# Variables of the installation itself, said in bin/_install_uv.py and bin/_bootstrap.sh; of the shell; and of the
# internal hand-over of a password.
NOT_THE_PLATFORMS = {"PIP_INDEX_URL", "HOME", "PATH", "OL_TRINO_CATALOGUE_PASSWORD"}


class UnknownNameError(Exception):
    """The environment is read under a name that cannot be told from the source."""


def variables_read(source: str, constants: dict[str, list[str]] | None = None) -> Iterator[str]:
    """The names under which a Python source reads the environment.

    Seen are `environ[...]`, `environ.get(...)`, `getenv(...)`, `... in environ` and `EnvVar(...)`, with a literal, a
    constant, or the variable of a loop over literals; and every literal that looks like one of our names.

    Args:
        source: One module.
        constants: What the constants it may import stand for.
    """
    tree = ast.parse(source)
    named = (constants or {}) | names_of_constants(tree)
    given_on = {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in keys_given_on(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and OURS.fullmatch(str(node.value)) and id(node) not in given_on:
            yield str(node.value)
        for key in keys_of_environ(node):
            yield from literal_names(key, named)


def keys_of_environ(node: ast.AST) -> list[ast.expr]:
    """The expressions that stand for a variable's name in one node."""
    match node:
        case ast.Subscript(value=owner, slice=key) if is_environ(owner):
            return [key]
        case ast.Call(func=ast.Attribute(value=owner, attr="get" | "pop"), args=[key, *_]) if is_environ(owner):
            return [key]
        case ast.Call(func=ast.Name(id="getenv" | "EnvVar") | ast.Attribute(attr="getenv" | "EnvVar"), args=[key, *_]):
            return [key]
        case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[owner]) if is_environ(owner):
            return [key]
    return []


def keys_given_on(node: ast.Dict) -> list[ast.expr | None]:
    """The variables in `{**environ, "X": ...}`: set for a child process, and not read here."""
    return node.keys if None in node.keys else []


def is_environ(node: ast.expr) -> bool:
    """True for `environ` and anything whose last name it is."""
    return getattr(node, "id", getattr(node, "attr", "")) in ("environ", "_environ")


def names_of_constants(tree: ast.AST) -> dict[str, list[str]]:
    """What the names of a source stand for, where that is a string or a choice of strings."""
    named: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ):
                named.setdefault(name, []).extend(strings(value))
            case (
                ast.For(target=ast.Name(id=name), iter=value) | ast.comprehension(target=ast.Name(id=name), iter=value)
            ):
                named.setdefault(name, []).extend(strings(value))
    return named


def strings(node: ast.expr | None) -> list[str]:
    """The literal strings of an expression: one, or those of a tuple, list or set."""
    elements = getattr(node, "elts", [node])
    return [part.value for part in elements if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def literal_names(key: ast.expr, named: dict[str, list[str]]) -> list[str]:
    """The variables a key expression can mean."""
    name = getattr(key, "id", getattr(key, "attr", None))
    found = named.get(name, []) if name else strings(key)
    if not found:
        raise UnknownNameError(ast.unparse(key))
    return found


def template_variables(text: str) -> set[str]:
    """Names read by dbt's `env_var('X')` and by `{ env: X }` in a Dagster instance file."""
    return {of_dbt or of_dagster for of_dbt, of_dagster in re.findall(r"env_var\(\s*['\"](\w+)|\benv:\s*(\w+)", text)}


@pytest.fixture(scope="module")
def explained(repo_root: Path) -> dict[str, str]:
    """Variable → its value or default, in .env.example."""
    text = (repo_root / ".env.example").read_text()
    return dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)(?:<[A-Z]+>__<[A-Z]+>)?=(.*)$", text, re.MULTILINE))


@pytest.fixture(scope="module")
def read(repo_root: Path) -> dict[str, str]:
    """Variable → a file that reads it."""
    found: dict[str, str] = {}
    sources = {path: path.read_text() for pattern in CODE for path in repo_root.glob(pattern) if path.is_file()}
    constants = dict(
        item
        for source in sources.values()
        for item in names_of_constants(ast.parse(source)).items()
        if item[0].isupper()
    )
    for path, source in sources.items():
        try:
            found |= dict.fromkeys(variables_read(source, constants), str(path.relative_to(repo_root)))
        except UnknownNameError as error:
            pytest.fail(f"{path}: reads the environment as [{error}]; give the name where it can be seen")
    for path in (path for pattern in TEMPLATES for path in repo_root.glob(pattern) if path.is_file()):
        found |= dict.fromkeys(template_variables(path.read_text()), str(path.relative_to(repo_root)))
    return {name: path for name, path in found.items() if name not in NOT_THE_PLATFORMS}


def test_every_variable_that_is_read_is_explained(read: dict[str, str], explained: dict[str, str]) -> None:
    assert {name: path for name, path in read.items() if name not in explained} == {}


def test_every_variable_that_is_explained_is_read(read: dict[str, str], explained: dict[str, str]) -> None:
    assert set(explained) - set(read) - READ_BY_OTHERS == set()


def test_copied_as_it_is_it_changes_nothing_and_holds_no_secret(repo_root: Path) -> None:
    text = (repo_root / ".env.example").read_text()
    assert re.findall(r"^[^#\n].*$", text, re.MULTILINE) == ["DAGSTER_PG_PASSWORD=not-a-secret"]


def test_every_variable_has_a_sentence(repo_root: Path) -> None:
    previous = ""
    for line in (repo_root / ".env.example").read_text().splitlines():
        if re.match(r"(# )?[A-Z][A-Z0-9_<>]+=", line):
            assert previous.startswith("#") or "=" in previous, line
        previous = line


@pytest.mark.parametrize(
    "source",
    [
        "import os; os.environ['OL_X']",
        "environ.get('OL_X', '1')",
        "os.getenv('OL_X')",
        "'OL_X' in os.environ",
        "dg.EnvVar('OL_X')",
        "self._environ['OL_X']",
        "NAME = 'OL_X'\ndef f(environ): return environ[NAME]",
        "[environ[name] for name in ('OL_X',)]",
        "for name in ['OL_X']: environ.get(name)",
        "setting(environ, 'OL_X')",
    ],
)
def test_the_scan_sees_every_way_of_reading(source: str) -> None:
    assert set(variables_read(source)) == {"OL_X"}


def test_what_is_set_for_a_child_process_is_not_read() -> None:
    assert list(variables_read("run(env={**environ, 'DBT_X': '1'})")) == []


def test_the_scan_follows_a_constant_into_another_module() -> None:
    assert list(variables_read("os.environ[names.FILE]", {"FILE": ["OL_X"]})) == ["OL_X"]
    assert list(variables_read("os.environ[FILE]", {"FILE": ["OL_X"]})) == ["OL_X"]


def test_the_scan_does_not_pass_over_a_name_it_cannot_tell() -> None:
    with pytest.raises(UnknownNameError, match="name"):
        list(variables_read("def f(environ, name): return environ[name]"))


def test_the_scan_sees_dbt_and_dagster_files() -> None:
    text = """path: "{{ env_var('OL_X', '.ol') }}/y"\nhostname: { env: DAGSTER_Y }\n"""
    assert template_variables(text) == {"OL_X", "DAGSTER_Y"}
