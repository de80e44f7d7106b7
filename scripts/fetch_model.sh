# shellcheck shell=bash
# One model file, for download_models.sh, which sources this: asks the server, fetches, proves, keeps.
# The file at work is in the globals that `entry` sets. Functions return an exit code of download_models.sh, or AGAIN.
# shellcheck disable=SC2034,SC2154 # globals are shared: the caller sets endpoint, shown, home, token, work, dest, strict, aria2c and entries
readonly TRIES=5 AGAIN=75

say() { printf '%s\n' "$*"; }
warn() { printf 'WARNING: %s\n' "$*" >&2; }
fail() { printf 'ERROR: %s\n' "${*:2}" >&2 && return "$1"; }
human() { numfmt --to=si --suffix=B --format=%.1f -- "$1"; }
rate() { printf '%d.%d MB/s' $(($1 / $2)) $(($1 * 10 / $2 % 10)); } # bytes, microseconds
now_us() { say "${EPOCHREALTIME/./}"; }
size() { stat -L -c %s -- "$1" 2>/dev/null || echo 0; }

# Makes the entry with this number the one at work. `bytes` and `sum` begin as the list has them; a record beside the
# file, or the server, completes them.
entry() {
  index=$1
  read -r _ folder file source bytes sum <<<"${entries[index]}"
  name=$folder/$file final=$dest/$folder/$file part=$dest/$folder/$file.part
  heads=$work/$index.heads errors=$work/$index.errors hashed=$work/$index.hashed
  list_bytes=${bytes#-} list_sum=${sum#-}
  bytes=$list_bytes sum=$list_sum
}

# --- the place ------------------------------------------------------------------------------------------------------

# Whether this user can look at what is there.
readable() {
  local folder=${final%/*}
  if [[ -e $folder && ! -d $folder ]]; then
    fail 1 "$folder is no folder"
  elif [[ -e $folder && ! -x $folder ]]; then
    fail 1 "user $EUID may not look into $folder"
  elif [[ -d $final ]]; then
    fail 1 "$final is a folder, not the file"
  elif [[ -e $final && ! -r $final ]]; then
    fail 1 "user $EUID may not read $final"
  fi
}

# Whether this user can fetch the file to its place.
writable() {
  local folder=${final%/*}
  if [[ -e $folder && ! -w $folder ]]; then
    fail 1 "user $EUID may not write to $folder"
  elif [[ -e $part && ! (-f $part && -r $part && -w $part) ]]; then
    fail 1 "user $EUID cannot go on with $part: remove it, or give it to that user"
  fi
}

# --- the server -----------------------------------------------------------------------------------------------------

# Without what stands before an @: a name and a password are for nobody to read, and no part of the host.
origin() { [[ ${1,,} =~ ^(https?://)([^/?#]*@)?([^/?#@]+) ]] && say "${BASH_REMATCH[1]}${BASH_REMATCH[3]}"; }
ours() { [[ $(origin "$1") == "$home" ]]; }

# The value of a header (named in lower case) of the last answer, after all redirects.
header() {
  local line value=''
  while read -r line; do
    if [[ $line == HTTP/* ]]; then value=''; fi # the next answer
    if [[ ${line,,} == "$1:"* ]]; then value=${line#*:}; fi
  done <"$heads"
  value=${value%$'\r'}
  say "${value# }"
}

# Whether the last answer is for people to read: what stands between, such as a login or a proxy, answers with 200, too.
is_page() {
  local type
  type=$(header content-type)
  [[ ${type,,} == text/html* && ${file,,} != *.htm* ]]
}

# curl for one address; prints status and redirect. Address and token go in by stdin, where `ps` does not look.
ask() {
  local url=${1//\"/%22}
  {
    printf 'url = "%s"\n' "${url//\\/%5C}"
    if [[ $token ]] && ours "$url"; then printf 'header = "Authorization: Bearer %s"\n' "$token"; fi
  } | curl -q -sS -g --suppress-connect-headers --connect-timeout 30 -D "$heads" -w '%{http_code} %{redirect_url}\n' \
    -K - "${@:2}" 2>"$errors"
}

# What an HTTP status that is no success means: try again, or an end with advice.
refused() {
  local status=$1 url=$2 advice
  why="HTTP $status from $(origin "$url")" pause=$(retry_after)
  case $status in
    408 | 429 | 5??) return "$AGAIN" ;;
    401 | 403) advice="accept its licence on the repository's page and set HF_TOKEN to a token that may read it" ;;
    404 | 410) advice="check repository, revision and path in the list: $source" ;;
    *) fail 4 "$name: $why"; return ;;
  esac
  if ! ours "$url"; then verdict=6; return "$AGAIN"; fi # a signed address runs out: the endpoint gives a new one
  fail 6 "$name: $why: $advice"
}

# Seconds of a Retry-After header (a number, or a date), at most 600; nothing where there is none.
retry_after() {
  local value
  value=$(header retry-after)
  [[ $value ]] || return 0
  [[ $value =~ ^[0-9]{1,9}$ ]] || value=$(($(date -d "$value" +%s 2>/dev/null || date +%s) - $(date +%s)))
  value=$((value < 0 ? 0 : 10#$value))
  say $((value > 600 ? 600 : value))
}

# Asks the endpoint for the file: sets `location`, where its bytes are, and completes `bytes` and `sum`.
resolve() {
  local url=$endpoint/$source hop answer status next told_bytes='' told_sum=''
  for hop in 1 2 3 4 5 6; do
    if ((hop == 6)); then fail 4 "$name: $shown redirects without end"; return; fi
    answer=$(ask "$url" -I -o /dev/null -m 60) || { why=$(tail -n 1 "$errors"); return "$AGAIN"; }
    read -r status next <<<"$answer"
    location=$url
    if ours "$url"; then
      if [[ $(header x-linked-size) =~ ^[1-9][0-9]*$ ]]; then told_bytes=${BASH_REMATCH[0]}; fi
      if [[ $(header x-linked-etag) =~ ^\"([0-9a-f]{64})\"$ ]]; then told_sum=${BASH_REMATCH[1]}; fi
    fi
    case $status in
      2??)
        if is_page; then why="$(origin "$url") answers with a web page instead of the file" && return "$AGAIN"; fi
        if [[ -z $told_bytes && $(header content-length) =~ ^[1-9][0-9]*$ ]]; then told_bytes=${BASH_REMATCH[0]}; fi
        break ;;
      3??)
        if [[ -z $next ]]; then fail 4 "$name: $url answers HTTP $status without a place"; return; fi
        location=$next url=$next
        if ! ours "$next" && [[ $told_bytes$list_bytes ]]; then break; fi ;;
      405 | 501) break ;; # a mirror that knows no HEAD
      *)
        ours "$url" || break # the content's host may refuse to be asked only for the headers
        refused "$status" "$url" || return ;;
    esac
  done
  agree "$told_bytes" "$told_sum"
}

agree() {
  if [[ $1 && $list_bytes && $1 != "$list_bytes" ]]; then
    fail 5 "$name: $shown has $1 bytes, the list says $list_bytes: it is another file"
  elif [[ $2 && $list_sum && $2 != "$list_sum" ]]; then
    fail 5 "$name: $shown has sha256 $2, the list says $list_sum: it is another file"
  else
    bytes=${list_bytes:-$1} sum=${list_sum:-$2}
    [[ $sum || -z $strict ]] || unproved
  fi
}

# Calls a function until it succeeds or there is no sense in it; progress gives it all its tries back.
persist() {
  local code seconds
  tries=0 verdict=4
  while :; do
    code=0 pause='' why=''
    "$@" || code=$?
    ((code == AGAIN)) || return "$code"
    ((++tries < TRIES)) || { fail "$verdict" "$name: gave up after $tries tries: $why"; return; }
    seconds=${pause:-$((RETRY_SECONDS << (tries - 1)))}
    say "again $name in $seconds s: $why"
    sleep "$seconds"
  done
}

# --- the proof ------------------------------------------------------------------------------------------------------

# Of what comes on stdin. Python's goes by OpenSSL, which has the processor's own instructions: 0.8 s for 1 GB where
# coreutils' sha256sum takes 4.5 s.
sha256() {
  python3 -IS -c 'import hashlib, sys
found = hashlib.sha256()
while piece := sys.stdin.buffer.raw.read(1 << 20):
    found.update(piece)
print(found.hexdigest())'
}

# Whether a file is as it should be (its sha256 is looked at only if asked for, and not taken again where it was right
# while the file came); `why` says what is wrong.
right() {
  local have
  have=$(size "$1")
  if [[ $bytes && $have != "$bytes" ]]; then why="it has $have bytes, not $bytes"; return 1; fi
  [[ $sum && $2 ]] || return 0
  if [[ $1 != "$part" || ! -s $hashed || $(<"$hashed") != "$sum" ]]; then have=$(sha256 <"$1") || { why="it cannot be read"; return 1; }; else have=$sum; fi
  if [[ $have != "$sum" ]]; then why="its sha256 is $have, not $sum"; return 1; fi
}

unproved() { fail 5 "$name: neither the list nor $shown tells its sha256 (--strict)"; }
unverified() { warn "$name is unverified: neither the list nor $shown tells its sha256"; }

# Keeps what the server said where the list says nothing: for later runs, and for `sha256sum -c`.
record() {
  [[ $sum && -w ${final%/*} ]] && [[ -z $list_sum || -z $list_bytes ]] || return 0
  printf '# %s bytes; size and sha256 as %s gave them for %s on %s\n%s  %s\n' "${bytes:-?}" "$shown" "$source" \
    "$(date -u +%F)" "$sum" "$file" >"$final.sha256.part" && mv -f -- "$final.sha256.part" "$final.sha256"
}

read_record() {
  [[ -f $final.sha256 ]] || return 0
  local text
  text=$(<"$final.sha256")
  if [[ -z $bytes && $text =~ ^'# '([0-9]+)' bytes' ]]; then bytes=${BASH_REMATCH[1]}; fi
  if [[ -z $sum && $text =~ ([0-9a-f]{64})'  ' ]]; then sum=${BASH_REMATCH[1]}; fi
}

# Fetches the entry with this number, proves it, and only then gives it its name.
fetch() {
  entry "$1"
  local leftover='' furthest=0 chances=1 had began plain=''
  mkdir -p -- "${final%/*}" 2>"$errors" || { not_taken; return; }
  had=$(filled) began=$(now_us)
  if [[ -f $part ]]; then leftover=yes; fi
  say "start $name${bytes:+ ($(human "$bytes"))}${leftover:+, going on from $(human "$had")}"
  while :; do
    persist transfer || return
    right "$part" yes && break
    if [[ $leftover ]]; then
      discard "the .part file of an earlier run was wrong: $why" && leftover=''
    elif [[ $sum ]] && ((chances-- > 0)); then
      discard "what came is wrong: $why" && furthest=0
    else
      rm -f -- "$part"
      fail 5 "$name: what came is wrong and was removed: $why"
      return
    fi
  done
  had=$(($(size "$part") - had))
  sync -d -- "$part" 2>/dev/null || : # where the file system can
  { record && mv -fT -- "$part" "$final"; } 2>"$errors" || { not_taken; return; }
  [[ $sum ]] || unverified
  say "done $name: $(human "$(size "$final")")${sum:+, sha256 proved}, $(rate "$had" $(($(now_us) - began)))"
}
