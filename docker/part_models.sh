#!/usr/bin/env bash
# Parts a folder of models by role: an image that has them in one layer would be pulled in one stream.
#
# usage: part_models.sh MODELS PARTS <LIST      LIST is what `download_models.sh --list` prints
#
# PARTS/base, PARTS/talk and PARTS/others are folders of models then, readable by everybody; MODELS is gone. Without
# MODELS the three are empty.
set -euo pipefail
models=${1:?usage: part_models.sh MODELS PARTS} parts=${2:?usage: part_models.sh MODELS PARTS}

mkdir -p "$parts/base" "$parts/talk" "$parts/others"
[[ -d $models ]] || exit 0
while read -r role file _; do
  [[ $role == base || $role == talk ]] || continue
  mkdir -p "$parts/$role/${file%/*}"
  mv -- "$models/$file" "$parts/$role/$file"
  # its sha256, where that came from the server
  if [[ -e $models/$file.sha256 ]]; then mv -- "$models/$file.sha256" "$parts/$role/$file.sha256"; fi
done
rm -f -- "$models/.download.lock"
find "$models" -mindepth 1 -type d -empty -delete
find "$models" -mindepth 1 -maxdepth 1 -exec mv -t "$parts/others" -- {} +
rmdir -- "$models"
chmod -R a+rX "$parts"
