#!/usr/bin/env bash
# Makes the virtual environment $2 with the interpreter $1, or says in one line what is missing.
set -euo pipefail
python=$1 venv=$2
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' ||
  { echo "Python 3.11 or 3.12 is needed ($("$python" --version) found): call make PYTHON=python3.11" >&2; exit 1; }
echo "setting up $venv: a minute or two, this once" >&2
"$python" -m venv "$venv" >/dev/null 2>&1 && exit 0
rm -rf "$venv"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && "$python" -m venv "$venv" && exit 0
fi
echo "Python's venv module is missing: install it (Debian: apt-get install python3-venv) and call make again" >&2
exit 1
