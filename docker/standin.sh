#!/usr/bin/env bash
# Makes an image that can stand in for NVIDIA's base where that cannot be pulled: Debian's packages and a Python 3.12.
#
# usage: docker/standin.sh NAME         then: make image BASE_IMAGE=NAME
#
# Nothing of CUDA is in it: what is built on it proves everything that needs no GPU, and is no image to run on one. It trusts
# the certificate authorities that this machine trusts. Needs root, debootstrap, a Docker engine, and, unless the suite has
# one itself (Ubuntu 24.04), a Python 3.12 of this machine.
#
# environment:
#   SUITE       of Debian or Ubuntu (default: this machine's)
#   MIRROR      of its packages (default: debootstrap's)
#   PYTHON      the Python 3.12 (default: python3.12); its whole installation is copied
#   GIT_MIRROR  where git goes instead of https://github.com/, such as git://127.0.0.1:9418/
set -euo pipefail
name=${1:?usage: docker/standin.sh NAME}
# shellcheck disable=SC1091 # each system has its own
suite=${SUITE:-$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")}
python=${PYTHON:-python3.12}
say() { printf '%s\n' "$*" >&2; }

[ "$(id -u)" = 0 ] || { say "debootstrap needs root"; exit 1; }
command -v debootstrap >/dev/null || { say "debootstrap is missing: apt-get install debootstrap"; exit 1; }
docker version >/dev/null 2>&1 || { say "no Docker engine answers: docs/deploy.md says how to get one"; exit 1; }

work=$(mktemp -d "${TMPDIR:-/var/tmp}/standin.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
say "the root of $suite, by debootstrap"
# python3: for the libraries that any Python links
debootstrap --variant=minbase --include=ca-certificates,python3 "$suite" "$root" ${MIRROR:+"$MIRROR"} >"$work/log" 2>&1 ||
  { tail -n 5 "$work/log" >&2; exit 1; }
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
cp -r /etc/ssl/certs/. "$root/etc/ssl/certs/"

has_312() { "$@" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; }
if ! has_312 chroot "$root" python3; then
  has_312 "$python" || { say "$suite has no Python 3.12, nor is $python one: set PYTHON"; exit 1; }
  prefix=$("$python" -c 'import sys; print(sys.base_prefix)')
  [ "$prefix" != /usr ] || { say "$python is this system's own: set SUITE to this system's"; exit 1; }
  say "Python 3.12 of $prefix, as /usr/local"
  tar -C "$prefix" --exclude=__pycache__ --exclude='lib/python3.12/test' --exclude='lib/python3.12/site-packages/*' -c bin include lib |
    tar -C "$root/usr/local" -x --no-same-owner
  chroot "$root" ldconfig
  ln -sf python3.12 "$root/usr/local/bin/python3"
  has_312 chroot "$root" python3 || { say "that Python does not run in $suite"; exit 1; }
fi
if [ -n "${GIT_MIRROR:-}" ]; then
  printf '[url "%s"]\n\tinsteadOf = https://github.com/\n' "$GIT_MIRROR" >"$root/etc/gitconfig"
fi
say "its image"
tar -C "$root" -c . | docker import --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' - "$name"
