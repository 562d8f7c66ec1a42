import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.secrets import Secret, fields_from_file, fields_from_variables, variable_prefix

PATH = "pipelines/edx/mitxonline/edx-oauth-client"
PREFIX = "OL_SECRET_PIPELINES_EDX_MITXONLINE_EDX_OAUTH_CLIENT__"


def private(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / "secrets.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    file.chmod(0o600)
    return file


def test_a_secret_is_a_mapping():
    secret = Secret("a", {"id": "x", "url": "y"})

    assert dict(secret) == {"id": "x", "url": "y"}
    assert (secret["id"], len(secret), "url" in secret, secret.get("no")) == ("x", 2, True, None)


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda secret: f"{secret!s} {secret!r}", lambda s: f"{[s]}"])
def test_no_way_of_printing_shows_a_value(show):
    text = show(Secret("a/b", {"id": "hunter2", "secret": "hunter3"}))

    assert "hunter" not in text
    assert "a/b" in text
    assert "secret" in text


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps])
def test_a_secret_is_not_written_anywhere(write):
    with pytest.raises(TypeError):
        write(Secret("a", {"id": "hunter2"}))


@pytest.mark.parametrize(
    ("path", "prefix"), [(PATH, PREFIX), ("a", "OL_SECRET_A__"), ("/a//b.c-d/", "OL_SECRET_A_B_C_D__")]
)
def test_the_name_of_a_variable(path: str, prefix: str):
    assert variable_prefix(path) == prefix


@given(st.text(min_size=1))
def test_every_prefix_is_a_name_a_shell_accepts(path: str):
    assert variable_prefix(path).isascii()
    assert variable_prefix(path).isidentifier()


def test_fields_come_from_variables_that_are_set():
    environ = {f"{PREFIX}ID": "x", f"{PREFIX}TOKEN_URL": "y", f"{PREFIX}SECRET": "", "OL_SECRET_PIPELINES__ID": "no"}

    assert fields_from_variables(environ, PATH) == {"id": "x", "token_url": "y"}


def test_fields_come_from_a_private_file(tmp_path: Path):
    file = private(tmp_path, f"{PATH}: {{id: x, port: 8443}}\nother: {{id: y}}\n")

    assert fields_from_file(file, PATH) == {"id": "x", "port": "8443"}
    assert fields_from_file(file, "absent") == {}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_others_can_read_is_refused(tmp_path: Path, mode: int):
    file = private(tmp_path, f"{PATH}: {{id: x}}")
    file.chmod(mode)

    with pytest.raises(ConfigurationError, match=f"chmod 600 {file}"):
        fields_from_file(file, PATH)


def test_a_missing_file_names_the_variable(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="Correct OL_SECRETS_FILE, or unset it"):
        fields_from_file(tmp_path / "no", PATH)


def test_a_folder_is_not_a_secrets_file(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="a plain file"):
        fields_from_file(tmp_path, PATH)


@pytest.mark.parametrize(
    "text",
    [
        "a: {id: 'hunter2\nb: hunter2",
        "- hunter2",
        "hunter2",
        f"{PATH}: hunter2",
        f"{PATH}: [hunter2]",
        f"{PATH}: {{id: [hunter2]}}",
        b"\xffhunter2",
        "",
    ],
)
def test_a_file_of_another_shape_is_refused_without_quoting_it(tmp_path: Path, text: str | bytes):
    with pytest.raises(ConfigurationError) as caught:
        fields_from_file(private(tmp_path, text), PATH)

    assert "hunter2" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_broken_yaml_says_the_line(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"\(line 2\)"):
        fields_from_file(private(tmp_path, "a: {id: 'x'}\n\tb"), PATH)
