#!/usr/bin/env bash
# Makes empty packages that stand in for Mesa's drivers: no_screen.sh FOLDER
#
# Debian's and Ubuntu's ffmpeg can also open a window on a screen, for which it asks for Mesa, and Mesa for LLVM. Nothing
# that the worker runs opens one. The version is above any of Mesa's, so that apt keeps them.
set -euo pipefail
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder" "$work/DEBIAN"
for name in libegl-mesa0 libgbm1 libgl1-mesa-dri libglx-mesa0 mesa-libgallium; do
  cat >"$work/DEBIAN/control" <<CONTROL
Package: $name
Version: 999
Architecture: $(dpkg --print-architecture)
Multi-Arch: same
Maintainer: talking-video worker <nobody@localhost>
Description: nothing, in the place of $name
CONTROL
  dpkg-deb --root-owner-group --build "$work" "$folder/$name.deb" >/dev/null
done
