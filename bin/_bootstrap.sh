# shellcheck shell=sh
# Sourced, not run, by the commands in bin/ and .ci/:   . "$(dirname "$0")/_bootstrap.sh"
#
# Makes a bare clone usable on a machine that has git, a shell and some Python 3. Afterwards:
#   OL_PROJECT_ROOT   the repository, absolute
#   OL_DATA_DIR       where everything the platform writes goes, absolute (default: <repository>/.ol)
#   PATH              begins with the environment's programs (python, olp, dagster, dbt, pytest, …), and has uv
#   UV_PYTHON         the Python 3.13 that was found, unless the environment was there already
#   OL_BOOTSTRAPPED   the repository for which this is done: a command called by a command does not do it again.
#                     An image sets it, to keep the environment it was built with.
# The working directory stays. All messages go to stderr. When something is missing the calling script ends, and says
# what to type. Any POSIX shell will do; `set -eu` in the caller is welcome.

_say() { printf '%s\n' "$*" >&2; }

_give_up() {
  _say "bootstrap: $1"
  shift
  for _line in "$@"; do _say "  $_line"; done
  exit 1
}

# Too old for [tool.uv] required-version, or a shim that points nowhere: either is as good as no uv.
_uv_works() { (cd "$OL_PROJECT_ROOT" && "$1" cache dir) >/dev/null 2>&1; }

_is_python_313() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1; }

_is_python_3() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1; }

_cache_folder() {
  _folder="${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/ol-data-platform"
  mkdir -p "$_folder" 2>/dev/null && [ -w "$_folder" ] || _folder="$OL_PROJECT_ROOT/.ol/bootstrap"
  printf '%s\n' "$_folder"
}

_find_uv() {
  for _uv in "${UV:-uv}" uv "${HOME:-}/.local/bin/uv" "${HOME:-}/.cargo/bin/uv" "$(_cache_folder)/uv"; do
    if _uv_works "$_uv"; then
      _uv="$(command -v "$_uv")"
      return 0
    fi
  done
  return 1
}

_install_uv() {
  for _python in python3 /usr/bin/python3 python "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.*/bin/python3; do
    if _is_python_3 "$_python"; then
      _say "Installing uv into $(_cache_folder) …"
      _wanted="$(sed -n 's/^required-version = "\(.*\)"/\1/p' "$OL_PROJECT_ROOT/pyproject.toml")"
      "$_python" "$OL_PROJECT_ROOT/bin/_install_uv.py" "$(_cache_folder)" "uv$_wanted" && return 0
    fi
  done
  return 1
}

# uv itself stops at a pyenv shim without a version behind it, so it is told which Python to take.
_find_python() {
  if [ -n "${UV_PYTHON:-}" ] || _is_python_313 "$_venv/bin/python"; then return 0; fi
  for _python in python3.13 python3 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.13*/bin/python3.13 \
    "$("$_uv" python find --quiet --managed-python 3.13 2>/dev/null)"; do
    if _is_python_313 "$_python"; then
      UV_PYTHON="$("$_python" -c 'import sys; print(sys.executable)')"
      export UV_PYTHON
      return 0
    fi
  done
  _say "No Python 3.13 found: uv will download one."
  export UV_PYTHON_PREFERENCE=only-managed
}

# Behind a company's proxy only the machine's own certificates vouch for the package index; uv brings others by default.
_trust_what_the_machine_trusts() {
  for _bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    if [ -s "$_bundle" ]; then export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}" UV_NATIVE_TLS="${UV_NATIVE_TLS:-true}"; fi
  done
}

_sync() {
  if ! [ -x "$_venv/bin/python" ]; then
    _say "Installing the locked dependencies into $_venv (about 1 GB; a few minutes, once) …"
  elif "$_uv" sync --project "$OL_PROJECT_ROOT" --locked --check --quiet 2>/dev/null; then
    return 0
  else
    _say "Installing what changed in uv.lock into $_venv …"
  fi
  if [ -t 2 ]; then _quiet=; else _quiet=--quiet; fi
  "$_uv" sync --project "$OL_PROJECT_ROOT" --locked $_quiet
}

# Whatever sources this is one folder below the root, and so is this file.
OL_PROJECT_ROOT="$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE:-$0}")/.." && pwd)"
OL_DATA_DIR="${OL_DATA_DIR:-$OL_PROJECT_ROOT/.ol}"
case "$OL_DATA_DIR" in # as the library reads it: a relative path counts from the repository
  /*) ;;
  "~"*) _give_up "OL_DATA_DIR is '$OL_DATA_DIR'; write the folder's full path instead of a '~'." ;;
  *) OL_DATA_DIR="$OL_PROJECT_ROOT/$OL_DATA_DIR" ;;
esac
export OL_PROJECT_ROOT OL_DATA_DIR

if [ "${OL_BOOTSTRAPPED:-}" != "$OL_PROJECT_ROOT" ]; then
  unset VIRTUAL_ENV
  _venv="${UV_PROJECT_ENVIRONMENT:-.venv}"
  case "$_venv" in /*) ;; *) _venv="$OL_PROJECT_ROOT/$_venv" ;; esac
  _find_uv || { _install_uv && _find_uv; } || _give_up "no usable uv, and it could not be installed." \
    "Install it (https://docs.astral.sh/uv/), for example: pipx install uv" \
    "or, with any Python 3.8+ that has pip: python3 -m pip install --user uv" \
    "then run this command again. UV=/path/to/uv also works."
  _find_python
  _trust_what_the_machine_trusts
  _sync || _give_up "the environment could not be installed; uv said why, above." \
    "No Python 3.13? Install one, for example: pyenv install 3.13   or   apt-get install python3.13" \
    "One in an unusual place: UV_PYTHON=/path/to/python3.13 $0" \
    "A proxy or a private package index: uv reads HTTPS_PROXY, UV_DEFAULT_INDEX and SSL_CERT_FILE." \
    "pyproject.toml changed and uv.lock did not: uv lock"
  PATH="$_venv/bin:$(dirname -- "$_uv"):$PATH"
  OL_BOOTSTRAPPED="$OL_PROJECT_ROOT"
  export PATH OL_BOOTSTRAPPED
fi
