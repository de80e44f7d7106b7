#!/usr/bin/env bash
# Writes the locks anew from their .in files: exact versions, with the sha256 of each file that is published for them.
#
# usage: scripts/lock.sh PYTHON [LOCK…]     all locks where none is named
#
# A pin that still fits stays: a newer version comes where the .in file asks for it, or where the pin's lines were removed.
# Nothing of this machine's settings gets in: no index, no address.
set -euo pipefail
readonly UV=0.13.9 LINUX=x86_64-manylinux_2_28
python=$1
shift
[ $# -gt 0 ] || set -- requirements.txt requirements-dev.txt requirements-audit.txt docker/sage-requirements.txt docker/comfyui-requirements.txt

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip --quiet --disable-pip-version-check install "uv==$UV"

compile() { # the Python's version, the .in file, further options
  "$work/venv/bin/uv" pip compile --quiet --no-config --python-version "$1" --python-platform "$LINUX" --no-annotate \
    --custom-compile-command "make lock" "${@:2}" >/dev/null
}
pins() { grep -oE '^[a-z0-9][^ ]*==[^ ]+' "$1"; }

for lock in "$@"; do
  printf '%s\n' "$lock"
  case $lock in
    docker/*) compile 3.12 "${lock%.txt}.in" --only-binary :all: --generate-hashes --output-file "$lock" ;;
    *)
      compile 3.11 "${lock%.txt}.in" --generate-hashes --output-file "$lock"
      # One lock for both versions of Python: what the newer one needs besides would come without a hash, or not at all.
      pins "$lock" >"$work/pins"
      compile 3.12 "${lock%.txt}.in" --constraint "$work/pins" --output-file "$work/newer"
      pins "$work/newer" | diff "$work/pins" - ;;
  esac
done
