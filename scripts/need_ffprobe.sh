#!/usr/bin/env bash
# Makes sure that ffprobe, with which tests look at videos, is on PATH: through apt-get where allowed, else says so.
set -euo pipefail
have() { command -v ffprobe >/dev/null; }
have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "ffprobe is missing: installing it with apt-get"
  apt-get update -qq && apt-get install -y -qq --no-install-recommends ffmpeg >/dev/null && have && exit 0
fi
echo "ffprobe is missing: install it (Debian: apt-get install ffmpeg) and call make again" >&2
exit 1
