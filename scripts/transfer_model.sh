# shellcheck shell=bash
# The bytes of one model file into its .part file, by curl or aria2c: for fetch_model.sh, in whose globals the file is.
# shellcheck disable=SC2034,SC2154 # globals are shared: fetch_model.sh sets name, part, bytes, sum, location, errors and hashed

complete() { [[ $bytes && ! -f $part.aria2 ]] && (($(size "$part") == bytes)); }

# Bytes on the disk: aria2c leaves holes while its control file is there.
filled() {
  if [[ -f $part.aria2 ]]; then echo $(($(stat -c '%b * 512' -- "$part" 2>/dev/null || echo 0))); else size "$part"; fi
}

discard() {
  say "again $name from the start: $1"
  rm -f -- "$part" "$part.aria2" "$work/$index.whole"
  had=0
}

# The cause among what the programs said; not the advice and the (signed) addresses that aria2c adds to it.
reason() {
  local said
  said=$(sed -nE '/cause: /{s/.*cause: //p;b};s/^  -> .*errorCode=[0-9]+ //p;/^(curl|tee|mkdir|mv): /p' "$errors" | tail -n 1)
  say "${said:-no reason given}"
}

# The end of a file that the disk does not take, full (whatever it says, with `full`) or not.
not_taken() {
  local said code=1
  said=$(reason)
  if [[ $* == full || $said =~ (No space left on device|Disk quota exceeded|File too large)$ ]]; then code=3; fi
  fail "$code" "$name: the disk took no more after $(human "$(filled)"): $said"
}

# Prints how many bytes from the begin on are there, by aria2c's control file; fails where that is none, or another file's.
# Its format is in aria2's technical notes: piece length at 10, length of the map of pieces at 30, then the map, its first
# piece the top bit.
whole_from_start() {
  python3 -IS -c 'import struct, sys
data = open(sys.argv[1], "rb").read()
version, _, hashed = struct.unpack_from(">HII", data)
piece, total, _, length = struct.unpack_from(">IQQI", data, 10)
pieces, bits = -(-total // piece), data[34 : 34 + length]
assert (version, hashed, len(bits), total) == (1, 0, -(-pieces // 8), int(sys.argv[2] or total))
known = (n for n in range(pieces) if not bits[n // 8] >> 7 - n % 8 & 1)
print(min(piece * next(known, pieces), total))' "$part.aria2" "$bytes" 2>/dev/null
}

note_whole() {
  local whole
  if whole=$(whole_from_start); then echo "$whole" >"$work/$index.whole"; fi
}

# A disk that is full, or gone, takes aria2c's control file along: what is there from the begin on needs none.
salvage() {
  [[ -f $part.aria2 && -s $work/$index.whole ]] && ! whole_from_start >/dev/null || return 0
  truncate -s "$(<"$work/$index.whole")" -- "$part" && rm -f -- "$part.aria2"
}

# One line of progress after the other, until it is killed: nobody writes to the pipe that it listens to.
report() {
  local last since have at share
  last=$(filled) since=$(now_us)
  while read -r -t "$PROGRESS_SECONDS" <>"$work/never"; (($? > 128)); do
    have=$(filled) at=$(now_us) share=$(human "$have")
    if [[ $bytes ]]; then share="$((have * 100 / bytes)) % of $(human "$bytes")"; fi
    say "  ... $name: $share, $(rate $((have - last)) $((at - since)))"
    last=$have since=$at
    if [[ -f $part.aria2 ]]; then note_whole; fi
  done
}

# Asks for what the .part file lacks, and hashes it while it arrives where that is the whole file.
into_part() {
  local code=0 sink writer start
  start=$(size "$part")
  if [[ $sum && $start == 0 ]]; then
    exec {sink}> >(tee -- "$part" 2>"$errors.tee" | sha256 >"$hashed")
  else
    exec {sink}> >(tee -a -- "$part" 2>"$errors.tee" >/dev/null)
  fi
  writer=$!
  ask "$@" -C "$start" -o "/dev/fd/$sink" || code=$?
  exec {sink}>&-
  wait "$writer" || :
  [[ -s $part ]] || rm -f -- "$part"
  if [[ -s $errors.tee ]]; then mv -- "$errors.tee" "$errors" && return 23; fi
  return "$code"
}

# The server was asked for the rest, and sent something else. Only the file itself, from its start, is a reason to begin
# anew: a login or a proxy that stands between for a while must not cost what there is.
not_resumed() {
  local status=$1 length
  length=$(header content-length)
  if [[ $status == 2* ]] && { is_page || [[ $bytes && $length && $length != "$bytes" ]]; }; then
    why="$(origin "$location") sends something else: ${length:-unknown} bytes of $(header content-type)"
  elif [[ $status != 416 ]] || ((tries > 1)); then
    discard "the server does not resume"
  else
    why="HTTP 416 from $(origin "$location")"
  fi
  return "$AGAIN"
}

with_curl() {
  local code=0 hops=5 answer status
  [[ ! -f $part.aria2 ]] || discard "only aria2c could go on with its .part file"
  if [[ $token ]] && ours "$location"; then hops=0; fi # the token follows no redirect
  answer=$(into_part "$location" -f -L --max-redirs "$hops" --speed-limit 1024 --speed-time 60) || code=$?
  status=${answer%% *} why=$(tail -n 1 "$errors")
  if ((code == 33)) || [[ $status == 416 ]]; then not_resumed "$status" || return; fi
  case $code in
    0)
      is_page || return 0
      discard "$(origin "$location") sent a web page" && why="a web page came instead of the file"
      return "$AGAIN" ;;
    22) refused "$status" "$location" ;;
    23) not_taken ;; # cannot write
    153) not_taken full ;; # SIGXFSZ
    *) return "$AGAIN" ;;
  esac
}

# Prints the sha256 of a file that aria2c writes, soon after stdin ends; until then it hashes what there is from the
# begin on. What was seen of the file is believed half a second later: of its last page a part may not be written yet.
sha256_of_growing() {
  python3 -IS -c 'import collections, hashlib, os, select, sys
found, at, seen, ended = hashlib.sha256(), 0, collections.deque([0], maxlen=6), False
while not ended:
    ended = bool(select.select([0], [], [], 0.1)[0])
    try:
        file = os.open(sys.argv[1], os.O_RDONLY)
    except FileNotFoundError:
        continue
    try:
        seen.append(os.lseek(file, at, os.SEEK_HOLE))
    except OSError:
        seen.append(at)
    end = os.fstat(file).st_size if ended else seen[0]
    while at < end and (piece := os.pread(file, min(1 << 20, end - at), at)):
        found.update(piece)
        at += len(piece)
    os.close(file)
print(found.hexdigest())' "$part"
}

# Whether the file itself is at its place: aria2c cuts the .part file to the length of whatever comes there.
is_served() {
  local answer status length
  answer=$(ask "$location" -r 0-0 -L -o /dev/null -m 60 --max-filesize 1M) || : # that ends a server that sends it all
  status=${answer%% *} length=$(header content-range)
  case $status in
    000 | '')
      why=$(tail -n 1 "$errors")
      return "$AGAIN" ;;
    2*) ;;
    416) not_resumed "$status" || return ;;
    *) refused "$status" "$location" || return ;;
  esac
  if [[ $length ]]; then length=${length##*/}; else length=$(header content-length); fi
  if is_page || [[ $bytes && $length =~ ^[0-9]+$ && $length != "$bytes" ]]; then
    why="$(origin "$location") sends something else: ${length:-unknown} bytes of $(header content-type)"
    return "$AGAIN"
  fi
}

with_aria2c() {
  local code=0 told hasher
  if [[ -s $part ]]; then is_served || return; fi
  if [[ -f $part.aria2 && ! -s $part.aria2 ]]; then discard "a full disk left it an empty control file"; fi
  exec {told}> >(sha256_of_growing >"$hashed")
  hasher=$!
  # it does not know the names in capitals, nor curl's for the issuers of certificates
  printf '%s\n' "$location" " dir=${part%/*}" " out=${part##*/}" |
    https_proxy=${https_proxy:-${HTTPS_PROXY:-}} all_proxy=${all_proxy:-${ALL_PROXY:-}} no_proxy=${no_proxy:-${NO_PROXY:-}} \
    aria2c ${issuers:+"--ca-certificate=$issuers"} --no-conf --no-netrc --input-file=- \
    --continue --allow-overwrite --auto-file-renaming=false --file-allocation=none --disk-cache=0 \
    --split=8 --max-connection-per-server=8 --min-split-size=4M --stream-piece-selector=inorder --auto-save-interval=10 \
    --connect-timeout=30 --timeout=60 --lowest-speed-limit=1K \
    --console-log-level=error --summary-interval=0 --download-result=hide \
    --show-console-readout=false --stop-with-process=$$ >"$errors" 2>&1 || code=$?
  ((code == 0)) || kill "$hasher" 2>/dev/null || :
  exec {told}>&-
  sync -d -- "$part" 2>/dev/null || : # while the last of it is hashed
  wait "$hasher" || rm -f -- "$hashed"
  why="aria2c ended with code $code: $(reason)"
  case $code in
    0)
      [[ $bytes && $(size "$part") != "$bytes" ]] || return 0
      why="$(origin "$location") sent $(size "$part") bytes, not $bytes"
      discard "$why"
      return "$AGAIN" ;;
    8)
      discard "the server does not resume"
      return "$AGAIN" ;;
    9 | 153) not_taken full ;; # disk full; SIGXFSZ
    15 | 16 | 17 | 18) not_taken ;; # a file or folder that cannot be opened, made, written
    3 | 22 | 24 | 29) # a status, but aria2c does not tell which
      is_served || return
      return "$AGAIN" ;;
    *)
      if [[ -f $part.aria2 ]] && ! whole_from_start >/dev/null; then discard "its control file is damaged"; fi
      return "$AGAIN" ;;
  esac
}

# aria2c takes part only where it gets something, where a sha256 proves its work, and where no token is needed: it would take that anywhere.
download() {
  local tool=with_curl code=0 monitor
  if [[ $aria2c && $sum && ! $plain ]] && ! { [[ $token ]] && ours "$location"; }; then tool=with_aria2c; fi
  report &
  monitor=$!
  rm -f -- "$hashed"
  "$tool" || code=$?
  ((code == 0)) || salvage
  kill "$monitor"
  wait "$monitor" 2>/dev/null
  if ((code == AGAIN && $(filled) == 0)); then plain=$([[ $plain ]] || say yes); fi # the other tool may know a way
  if (($(filled) > furthest)); then furthest=$(filled) tries=0; fi
  return "$code"
}

# One try to complete the .part file.
transfer() {
  if [[ $sum ]] && complete; then return; fi
  resolve || return
  [[ -f $part ]] || rm -f -- "$part.aria2"
  if [[ $leftover && -z $sum ]]; then discard "nothing proves that the .part file belongs to it"; fi
  if [[ $bytes ]] && (($(size "$part") > bytes)); then discard "its .part file is too long"; fi
  leftover=${sum:+$leftover}
  complete || download || return
  if [[ $bytes ]] && ! complete; then
    why="the connection ended after $(filled) of $bytes bytes"
    return "$AGAIN"
  fi
}
