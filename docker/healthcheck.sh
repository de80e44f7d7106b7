#!/bin/sh
# Healthy: the worker runs, and so does its engine, unless COMFYUI_URL names one outside the container.
# A dead engine that the worker does not bring back within the retries is what this shows; whether a live engine makes
# progress is the worker's own watchdog. Reads /proc only, as starting Python every 30 s would cost more than it tells.
set -eu
proc=${1:-/proc}

runs() { # each argument is a part of the command line, in this order
  pattern="$*"
  for file in "$proc"/[0-9]*/cmdline; do
    line=$(tr '\0' ' ' <"$file" 2>/dev/null) || continue # it ended meanwhile
    # shellcheck disable=SC2254 # the pattern is meant to be one
    case "$line" in $pattern) return 0 ;; esac
  done
  return 1
}

runs '*handler.py*' || { echo "the worker does not run"; exit 1; }
[ -n "${COMFYUI_URL:-}" ] || runs '*main.py*--port*' || runs '*simulator*--port*' || {
  echo "the engine does not run"
  exit 1
}
