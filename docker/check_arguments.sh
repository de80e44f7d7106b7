#!/usr/bin/env bash
# Ends a build at its begin where an argument of SageAttention's compilers is none: nvcc would take 0 for all processors,
# pass over a generation that it does not know, and only the proof, half an hour later, would miss it.
#
# usage: check_arguments.sh    reads SAGE_TARGETS, MAX_JOBS and NVCC_THREADS, where they are set
set -euo pipefail

wrong() {
  printf '%s=%s: use %s\n' "$1" "${!1}" "$2" >&2
  exit 2
}

known='(8\.0|8\.6|8\.9|9\.0|10\.0|12\.0|12\.1)(\+PTX)?'
list="^ *$known( *[;,] *$known)* *$"
[[ -z ${SAGE_TARGETS+set} || $SAGE_TARGETS =~ $list ]] ||
  wrong SAGE_TARGETS "8.0, 8.6, 8.9, 9.0, 10.0, 12.0, 12.1, or several of them with ; between, such as 8.0;9.0"
for name in MAX_JOBS NVCC_THREADS; do
  [[ -z ${!name+set} || ${!name} =~ ^[1-9][0-9]?$ ]] || wrong "$name" "a whole number from 1 to 99"
done
