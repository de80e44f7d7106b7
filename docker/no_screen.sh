#!/usr/bin/env bash
# Makes empty packages that stand in for Mesa's drivers: no_screen.sh FOLDER. Needs apt's lists.
#
# Debian's and Ubuntu's ffmpeg can also open a window on a screen, for which it asks for Mesa, and Mesa for LLVM. Nothing
# that the worker runs opens one. Each has the version of the real package, as others of Mesa ask for exactly that, and is to be held
# (apt-mark), as apt would put the real one in its place.
set -euo pipefail
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder" "$work/DEBIAN"
for name in libegl-mesa0 libgl1-mesa-dri libglx-mesa0 mesa-libgallium; do
  version=$(apt-cache show --no-all-versions "$name" 2>/dev/null | sed -n 's/^Version: //p') ||
    continue # this release has none of that name
  cat >"$work/DEBIAN/control" <<CONTROL
Package: $name
Version: $version
Architecture: $(dpkg --print-architecture)
Multi-Arch: same
Maintainer: talking-video worker <nobody@localhost>
Description: nothing, in the place of $name
CONTROL
  dpkg-deb --root-owner-group --build "$work" "$folder/$name.deb" >/dev/null
done
