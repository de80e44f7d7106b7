#!/usr/bin/env bash
# Makes sure that ffmpeg and ffprobe are on PATH: through apt-get where allowed, else says so in one line.
set -euo pipefail
have() { command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null; }
have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "ffmpeg is missing: installing it with apt-get"
  apt-get update -qq && apt-get install -y -qq ffmpeg >/dev/null && have && exit 0
fi
echo "ffmpeg and ffprobe are missing: install them (Debian: apt-get install ffmpeg) and call make again" >&2
exit 1
