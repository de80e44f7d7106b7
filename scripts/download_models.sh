#!/usr/bin/env bash
# Downloads the model files of workflows/models.json to DIR/<folder>/<file>, each proved by its size and sha256.
#
# usage: scripts/download_models.sh [options]
#   --mode multitalk|infinitetalk|all  whose files (default all)
#   --base q4_k_m|q8_0|fp8             which base model (default q4_k_m)
#   --talk default|q8_0                which talk models (default default); q8_0 is InfiniteTalk's GGUF, which needs a
#                                      GGUF base; MultiTalk has no such file and keeps its default
#   --separation                       also the weights that part voices from music; their author gives them for research
#                                      alone (docs/voices.md), so that nothing else takes them, --mode all included
#   --dest DIR                         where to (default: models on the network volume that is mounted)
#   --jobs N                           files at a time, 1 to 16 (default 2)
#   --verify                           hash the files that are there, and tell what is wrong or missing; downloads nothing
#   --repair                           hash them, too, and fetch what is wrong or missing
#   --strict                           a file whose sha256 nobody tells is an error, not a warning
#   --list                             only print role, file, bytes, sha256 and source, and the total; uses no network
#
# environment:
#   HF_TOKEN          is sent to HF_ENDPOINT and to no other host; not shown by `ps`
#   HF_TOKEN_PATH     a file with the token, read where HF_TOKEN is not set
#   HF_ENDPOINT       a mirror (default https://huggingface.co)
#   MODELS_JSON       another list of files
#   VOLUME_DIRS       where a network volume may be mounted (default /runpod-volume:/workspace); the first one that is
#                     gets the models, and, from root, the folders that the worker writes to: talking-video and videos
#   RETRY_SECONDS     pause before the second try, doubled for each further one (default 2)
#   PROGRESS_SECONDS  time between two lines of progress (default 10)
#
# exit codes: 0 everything is there; 2 wrong usage; 3 no space; 4 network or server; 5 a file is not what it should be,
#   is missing (--verify), or cannot be proved (--strict); 6 not found or forbidden; 129, 130, 143 stopped by a signal; 1 anything else.
#
# Interrupted downloads stay as *.part, and the next run goes on with them. A second run waits for the first one.
# Uses curl and, where it is installed, aria2c; python3 reads the list.

set -euo pipefail
set -m # each background job is a process group, so that `stop` reaches all of it
export LC_ALL=C
unset CDPATH # `cd` would look there first
umask "$(printf %o $(($(umask) & ~8#55)))" # the worker, another user, reads the files
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source=scripts/fetch_model.sh
source "$here/fetch_model.sh"
# shellcheck source=scripts/transfer_model.sh
source "$here/transfer_model.sh"

usage() { fail 2 "$* (--help tells more)"; }

read_arguments() {
  mode=all base=q4_k_m talk=default dest='' jobs=2 verify='' repair='' strict='' list='' separation=''
  while (($#)); do
    [[ $1 != --*=* ]] || set -- "${1%%=*}" "${1#*=}" "${@:2}"
    case $1 in
      --mode | --base | --talk | --dest | --jobs)
        [[ $# -gt 1 && $2 != --* ]] || usage "$1 needs a value"
        [[ $2 ]] || usage "$1 is empty"
        declare -g "${1#--}=$2"
        shift ;;
      --verify | --strict | --list | --separation) declare -g "${1#--}=yes" ;;
      --repair) repair=yes ;;
      -h | --help)
        sed -n '1d;/^$/q;s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit ;;
      *) usage "unknown option $1" ;;
    esac
    shift
  done
  [[ $mode =~ ^(multitalk|infinitetalk|all)$ ]] || usage "--mode is multitalk, infinitetalk or all"
  [[ $base =~ ^(q4_k_m|q8_0|fp8)$ ]] || usage "--base is q4_k_m, q8_0 or fp8"
  [[ $talk =~ ^(default|q8_0)$ ]] || usage "--talk is default or q8_0"
  [[ $talk$base != q8_0fp8 || $mode == multitalk ]] || usage "--talk q8_0 is GGUF and needs a GGUF base, not fp8"
  [[ $jobs =~ ^([1-9]|1[0-6])$ ]] || usage "--jobs is 1 to 16"
  [[ $dest != *$'\n'* ]] || usage "--dest has a line break in it"
  if [[ $dest =~ ^~(/|$) ]]; then dest=${HOME:-}${dest:1}; fi # no shell does it in --dest=~/models
}

read_environment() {
  endpoint=${HF_ENDPOINT:-https://huggingface.co} token=${HF_TOKEN:-}
  if [[ -z $token && -e ${HF_TOKEN_PATH:-} ]]; then
    [[ -f $HF_TOKEN_PATH && -r $HF_TOKEN_PATH ]] || usage "HF_TOKEN_PATH is $HF_TOKEN_PATH, which user $EUID cannot read"
    token=$(<"$HF_TOKEN_PATH")
  fi
  read -r endpoint <<<"$endpoint" # without blanks around it
  endpoint=${endpoint%"${endpoint##*[!/]}"} token=${token//[[:space:]]/}
  unset HF_TOKEN # no program started from here needs it
  RETRY_SECONDS=${RETRY_SECONDS:-2} PROGRESS_SECONDS=${PROGRESS_SECONDS:-10}
  home=$(origin "$endpoint") && [[ $endpoint != *[?#[:space:]]* ]] || usage "HF_ENDPOINT is no http:// or https:// address"
  shown=${endpoint/#*:\/\/*@/"${endpoint%%://*}://"}
  [[ $token =~ ^[[:alnum:][:punct:]]*$ && $token != *[\"\\]* ]] || usage "HF_TOKEN holds a character that no token has"
  [[ $RETRY_SECONDS =~ ^(0|[1-9][0-9]?)$ ]] || usage "RETRY_SECONDS is 0 to 99"
  [[ $PROGRESS_SECONDS =~ ^[0-9]{0,5}(\.[0-9]+)?$ ]] || usage "PROGRESS_SECONDS is a number"
}

# The chosen entries, one a line: role, folder, file, source, bytes, sha256; "-" where the list has null.
read_list() {
  python3 -IS - "${MODELS_JSON:-$here/../workflows/models.json}" "$mode" "$base" "$talk" "$separation" <<'PYTHON'
import json, re, sys

path, mode, base, talk, separation = sys.argv[1:]
LINE = r"(\w[\w.-]* ){3}\S+ ([1-9]\d*|-) ([0-9a-f]{64}|-)"
try:
    with open(path, encoding="utf-8") as file:
        models = json.load(file)["models"]
    talks = {(m, e["variant"]) for e in models if e["role"] == "talk" for m in e["modes"]}
    lines = []
    for e in models:
        if e.get("optional") and not separation:
            continue
        modes = [m for m in e["modes"] if mode in (m, "all")]
        variants = {"base": [base], "talk": [talk if (m, talk) in talks else "default" for m in modes]}
        if modes and (e["role"] not in variants or e["variant"] in variants[e["role"]]):
            source = f"{e['repository']}/resolve/{e['revision']}/{e['path']}"
            lines.append(f"{e['role']} {e['folder']} {e['file']} {source} {e['bytes'] or '-'} {e['sha256'] or '-'}")
    bad = [line for line in lines if not re.fullmatch(LINE, line)]
    if bad or not lines:
        raise ValueError(bad or "no file fits")
    print("\n".join(lines))
except (OSError, ValueError, KeyError, TypeError) as error:
    sys.exit(f"ERROR: {path} is no list of models for this: {error!r}")
PYTHON
}

row() { printf '%-12s %-76s %11s %-64s %s\n' "$@"; }

print_list() {
  local role folder file source bytes sum count=0 total=0 unknown=0
  row role file bytes sha256 source
  while read -r role folder file source bytes sum; do
    row "$role" "$folder/$file" "${bytes/#-/unknown}" "${sum/#-/unknown}" "$shown/$source"
    count=$((count + 1)) total=$((total + ${bytes/#-/0}))
    if [[ $bytes == - ]]; then unknown=$((unknown + 1)); fi
  done
  say "total: $count files, $(human "$total")$( ((unknown == 0)) || say " and $unknown files of unknown size")"
}

# The volumes that are mounted, one a line.
volumes() {
  local folder folders
  IFS=: read -ra folders <<<"${VOLUME_DIRS:-/runpod-volume:/workspace}"
  for folder in "${folders[@]}"; do
    if mountpoint -q -- "$folder"; then say "$folder"; fi
  done
}

# On a container's own disk the models would end with it: only a volume is taken without being named.
choose_dest() {
  [[ -z $dest ]] || return 0
  dest=$(volumes)
  dest=${dest%%$'\n'*}
  [[ $dest ]] || usage "no volume is mounted at ${VOLUME_DIRS:-/runpod-volume or /workspace}: name a folder with --dest"
  dest=${dest%/}/models
}

# A fresh volume belongs to root: the worker, user 10001 of group 0, could write nothing there.
open_volume() {
  local volume
  ((EUID == 0)) || return 0
  while read -r volume; do
    if [[ $volume && $dest == "$(cd -- "$volume" && pwd)"/* ]]; then
      install -d -m 2775 -g 0 -- "$volume/talking-video" "$volume/videos" ||
        warn "the worker may write nothing to $volume: it needs talking-video and videos there, writable for group 0"
    fi
  done <<<"$(volumes)"
}

# Ends with what the system said of a path that it does not make or open.
unwritable() {
  local said code=1
  if [[ -e $1 && ! -d $1 ]]; then fail 1 "$1 is no folder: name another one with --dest"; fi
  said=$(tail -n 1 "$work/said")
  said=${said##*: }
  if [[ $said == "No space left on device" || $said == "Disk quota exceeded" ]]; then code=3; fi
  fail "$code" "user $EUID may not write to $1: $said"
}

take_lock() {
  local file=$dest/.download.lock code=0
  # another user's serves as well where it can be read
  if ! { exec {lock}>"$file"; } 2>"$work/said" && ! { [[ -f $file ]] && exec {lock}<"$file"; } 2>/dev/null; then
    if [[ $verify && -z $repair ]]; then return; fi # nothing is changed: a look needs no leave to write
    unwritable "$dest"
  fi
  flock -n -E "$AGAIN" "$lock" || code=$?
  if ((code != 0 && code != AGAIN)); then warn "$dest takes no lock: see to it that no second run is at work there"; fi
  ((code == AGAIN)) || return 0
  say "another run is at work in $dest: waiting for it"
  flock "$lock" &
  wait $! || fail 1 "$file cannot be locked"
}

# Looks whether the entry with this number is there; if not, leaves a note of how many bytes are still to come.
survey() {
  entry "$1"
  local hash=$verify$repair told=''
  readable || return
  if [[ -e $final ]]; then
    read_record
    # somebody brought it, perhaps cut off: it is held against the server once, and against the list where that is silent
    if [[ -z $bytes || -z $sum ]] && resolve 2>/dev/null; then told=yes; fi
    if [[ $told || ($sum && -z $bytes) ]]; then hash=yes; fi
    if right "$final" "$hash"; then
      if [[ -z $sum && $strict ]]; then unproved; return; fi
      if [[ -z $sum ]]; then unverified; elif [[ $told ]]; then record; fi
      say "there $name${sum:+${hash:+, sha256 proved}}"
      return
    fi
    if [[ -z $repair ]]; then fail 5 "$final is wrong: $why. It stays; --repair fetches it anew"; return; fi
    say "wrong $name: $why. It is fetched anew"
  fi
  if [[ $verify && -z $repair ]]; then fail 5 "$final is missing; without --verify it is fetched"; return; fi
  writable || return
  [[ $bytes ]] || persist resolve || return
  [[ $bytes ]] || warn "$name: nobody tells its size, so space for it cannot be checked beforehand"
  echo $((${bytes:-0} - $(filled))) >"$work/$index.todo"
}

need_space() {
  local number free need=0
  for number in "$@"; do need=$((need + $(<"$work/$number.todo"))); done
  free=$(df -B1 --output=avail -- "$dest" | tail -n 1)
  ((need <= free)) || fail 3 "$dest has $(human "$free") free, but $(human "$need") are still to come"
}

# Runs a function for one entry in a process of its own, and leaves a note of its result.
apart() {
  trap 'wait; exit 143' TERM
  local code=0
  "$1" "$2" || code=$?
  echo "$code" >"$work/$2.code"
}

# Calls a function for each number, $jobs at a time; the result is that of the first one that failed.
pool() {
  local number code
  for number in "${@:2}"; do
    while (($(jobs -rp | wc -l) >= jobs)); do wait -n || :; done
    if grep -qsx 3 "$work"/*.code; then break; fi # the disk is full: start nothing more
    apart "$1" "$number" &
  done
  wait
  for number in "${@:2}"; do
    code=$(cat "$work/$number.code" 2>/dev/null || echo 1)
    rm -f -- "$work/$number.code"
    ((code == 0)) || return "$code"
  done
}

stop() {
  trap '' INT TERM HUP
  local group
  for group in $(jobs -p); do kill -TERM -- "-$group" 2>/dev/null || :; done
  wait 2>/dev/null
  say "stopped; the next run goes on with the .part files" >&2
  exit "$1"
}

main() {
  local program chosen number todo=()
  read_arguments "$@"
  read_environment
  for program in curl python3 flock mountpoint numfmt truncate; do
    command -v "$program" >/dev/null || fail 1 "$program is missing"
  done
  aria2c=$(command -v aria2c) || aria2c=''
  issuers=${CURL_CA_BUNDLE:-${SSL_CERT_FILE:-}}
  chosen=$(read_list)
  if [[ $list ]]; then print_list <<<"$chosen" && exit; fi
  choose_dest
  if [[ $verify && -z $repair && ! -d $dest ]]; then fail 5 "$dest is no folder that is there: no model file to look at"; fi
  mapfile -t entries <<<"$chosen"
  trap 'stop 129' HUP
  trap 'stop 130' INT
  trap 'stop 143' TERM
  work=$(mktemp -d 2>/dev/null) || fail 1 "no temporary folder can be made: set TMPDIR to a folder that can be written"
  trap 'rm -rf -- "$work"' EXIT
  mkfifo "$work/never"
  mkdir -p -- "$dest" 2>"$work/said" || unwritable "$dest"
  dest=$(cd -- "$dest" && pwd)
  open_volume
  take_lock
  pool survey "${!entries[@]}"
  for number in "${!entries[@]}"; do
    if [[ -f $work/$number.todo ]]; then todo+=("$number"); fi
  done
  need_space "${todo[@]}"
  pool fetch "${todo[@]}"
  say "all ${#entries[@]} files are in $dest"
}

main "$@"
