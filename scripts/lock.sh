#!/usr/bin/env bash
# Writes the exact locks requirements.txt and requirements-dev.txt from the .in files.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" -m venv "$work/venv"
pip() { "$work/venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
pip install -r requirements.in
pip freeze >requirements.txt
pip install -r requirements-dev.in -c requirements.txt
{ echo "-r requirements.txt"; pip freeze | LC_ALL=C sort | LC_ALL=C comm -13 <(LC_ALL=C sort requirements.txt) -; } >requirements-dev.txt
