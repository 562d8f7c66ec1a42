"""The sandbox stands alone: what it makes is only worth comparing with if it shares no code with the platform."""

import ast
import subprocess
import sys
from pathlib import Path

import ol_sandbox

PACKAGE = Path(ol_sandbox.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_only_the_standard_library_is_imported() -> None:
    allowed = {*sys.stdlib_module_names, "ol_sandbox"}
    assert {name for path in MODULES for name in _imported(path)} <= allowed


def _imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in plain | parts}


def test_every_module_loads_alone_with_nothing_around_it() -> None:
    names = ", ".join(_dotted(path) for path in MODULES if path.stem != "__init__")
    source = str(PACKAGE.parent)
    program = f"import sys; sys.path.insert(0, {source!r}); import {names}; assert 'ol_orchestrate' not in sys.modules"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, env={})


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
