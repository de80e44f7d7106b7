#!/usr/bin/env bash
# Puts the files of one commit of a git repository into a folder, without its history.
#
# usage: fetch_commit.sh REPOSITORY COMMIT FOLDER
#   COMMIT is the full hash: a branch or tag could mean other files tomorrow.
set -euo pipefail

if [ $# -ne 3 ] || ! [[ $2 =~ ^[0-9a-f]{40}$ ]]; then
  echo "usage: fetch_commit.sh REPOSITORY COMMIT FOLDER, with a commit of 40 hexadecimal digits" >&2
  exit 2
fi
repository=$1 commit=$2 folder=$3

git init --quiet "$folder"
cd "$folder"
git fetch --quiet --depth 1 "$repository" "$commit"
git -c advice.detachedHead=false checkout --quiet --detach FETCH_HEAD
found=$(git rev-parse HEAD)
if [ "$found" != "$commit" ]; then
  echo "$repository gave $found instead of $commit" >&2
  exit 1
fi
rm -rf .git
