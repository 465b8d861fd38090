# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# Downloads: each is bounded in time when the other side says nothing, tried again, resumed, and named when it fails.

# Seconds until a connection counts as refused; a transfer with less than 1000 bytes a second for this long counts as dead.
fetch_connect_timeout=${TLXC_CONNECT_TIMEOUT:-15}
fetch_stall_timeout=${TLXC_STALL_TIMEOUT:-30}
fetch_tries=${TLXC_FETCH_TRIES:-3}
# Seconds to wait before the second try; the third waits twice as long.
fetch_pause=1
# MiB that an index or a key may have at most, whatever the server sends; '': anything, as packages and images are.
fetch_most=''

# fetch URL FILE: FILE is there when it is whole, and only then. What arrived stays in FILE.part, where a next fetch goes on.
# Dies with URL and reason.
fetch() {
  try_fetch "$1" "$2" || die "cannot download $1: $fetch_reason"
}

# fetch_small MIB URL FILE: as fetch, what cannot be larger: an index, a key.
fetch_small() {
  fetch_most=$1
  fetch "$2" "$3"
  fetch_most=''
}

# try_fetch URL FILE: as fetch, but status 1 and fetch_reason; fetch_status is 404 and the like, or 0.
try_fetch() {
  case $1 in
    http://* | https://* | ftp://* | file://*) ;;
    *) fetch_reason='this is no URL of http, https, ftp or file' fetch_status=0; return 1 ;;
  esac
  need_scratch
  fetch_try=1
  while :; do
    fetch_status=0 fetch_reason='' fetch_before=$(part_size "$2.part")
    if fetch_once "$1" "$2.part" && went_on "$2.part"; then
      mv -f -- "$2.part" "$2" || die "cannot write '$2'"
      return 0
    fi
    # What the server has decided it decides again; what the disk has, too.
    case $fetch_status in 4??) rm -f -- "$2.part"; return 1 ;; esac
    if [ -n "$fetch_most" ] && [ "$(part_size "$2.part")" -ge $((fetch_most * 1048576)) ]; then fetch_reason="write error: it is larger than $fetch_most MiB"; fi
    case $fetch_reason in *'No space left'* | *'write error'* | *'away from https://') rm -f -- "$2.part"; return 1 ;; esac
    # A connection that breaks often, but brings something each time, is worth going on with.
    if [ $(($(part_size "$2.part") - fetch_before)) -ge 1048576 ]; then fetch_try=1; fi
    [ "$fetch_try" -lt "$fetch_tries" ] || { fetch_reason="$fetch_reason (tried $fetch_tries times)"; return 1; }
    sleep $((fetch_try * fetch_pause))
    fetch_try=$((fetch_try + 1))
  done
}

# went_on PART: curl and wget are content when the server has nothing beyond the end of a part; it may be one of a larger file.
went_on() {
  if [ "$fetch_before" = 0 ] || [ "$(part_size "$1")" != "$fetch_before" ]; then return 0; fi
  rm -f -- "$1"
  fetch_status=0 fetch_reason='what was there of it is not its beginning'
  return 1
}

part_size() {
  stat -c %s -- "$1" 2>/dev/null || echo 0
}

# fetch_within COMMAND...: no file of it gets larger than fetch_most. Not killed by that: its writes fail. What it says is for sed.
fetch_within() (
  LC_ALL=C
  export LC_ALL
  if [ -n "$fetch_most" ]; then
    trap '' XFSZ
    ulimit -f $((fetch_most * 2048))
  fi
  exec "$@"
)

fetch_once() {
  if command -v curl >/dev/null; then
    fetch_curl "$1" "$2"
  elif command -v wget >/dev/null; then
    fetch_wget "$1" "$2"
  else
    die 'neither curl nor wget is installed; install one of them'
  fi
}

# On a terminal with curl's own meter, which has rate and time left, unless fetch_quiet=yes says that this is a small thing. Standard
# output, because that is the terminal: tlxc-create reads standard error.
fetch_curl() {
  # --globoff: brackets in a URL are what they are. A redirection may lead to another server, not to a local file, nor away from TLS.
  case $1 in https:*) fetch_redirect='=https' ;; *) fetch_redirect='=http,https' ;; esac
  fetch_code=0
  if [ -t 1 ] && [ "${fetch_quiet:-no}" = no ]; then fetch_noise='' fetch_meter=/dev/fd/7; else fetch_noise=--silent fetch_meter=$scratch/fetch.log; fi
  : >"$scratch/fetch.log"
  # shellcheck disable=SC2086 # empty or one word
  fetch_within curl $fetch_noise --show-error --stderr "$fetch_meter" --fail --location --globoff --proto '=http,https,ftp,file' --proto-redir "$fetch_redirect" \
    --connect-timeout "$fetch_connect_timeout" --speed-limit 1000 --speed-time "$fetch_stall_timeout" \
    --continue-at - --output "$2" --write-out '%{http_code}\n%{errormsg}\n' --url "$1" 7>&1 >"$scratch/fetch.status" || fetch_code=$?
  fetch_status=$(sed -n 1p "$scratch/fetch.status")
  [ "$fetch_noise" != '' ] || sed -n '2s/^./curl: (0) &/p' "$scratch/fetch.status" >"$scratch/fetch.log"
  case $fetch_code in
    # An empty file is a download, too, and curl makes none.
    0) [ -e "$2" ] || : >"$2"; return 0 ;;
    # The server cannot resume, or the file was whole already or is another one by now: from the beginning.
    33 | 36) fetch_status=0; rm -f -- "$2" ;;
    22) if [ "$fetch_status" = 416 ]; then fetch_status=0; rm -f -- "$2"; fi ;;
  esac
  fetch_reason=$(sed -n 's/^curl: ([0-9]*) //p' "$scratch/fetch.log" | tail -n 1)
  [ -n "$fetch_reason" ] || fetch_reason="curl ended with status $fetch_code"
  case $fetch_code:$(cat "$scratch/fetch.log") in *'No space left'*) fetch_reason='No space left on device' ;; esac
  if [ "$fetch_code" = 23 ]; then fetch_reason="write error: $fetch_reason (No space left on device?)"; fi
  return 1
}

fetch_wget() {
  fetch_code=0
  case $1 in
    # curl knows these.
    file://*)
      # In its words; has_file of rpm-source.sh knows them.
      [ -r "${1#file://}" ] || { fetch_reason="Couldn't open file ${1#file://}"; return 1; }
      cat -- "${1#file://}" 2>"$scratch/fetch.log" >"$2" && return 0
      fetch_reason=$(tail -n 1 "$scratch/fetch.log")
      return 1
      ;;
  esac
  fetch_within wget --no-verbose --server-response --continue --tries=1 --connect-timeout="$fetch_connect_timeout" --read-timeout="$fetch_stall_timeout" \
    --dns-timeout="$fetch_connect_timeout" --output-document="$2" -- "$1" 2>"$scratch/fetch.log" || fetch_code=$?
  # It follows redirections wherever they lead, and tells afterwards; the last may lead back.
  case $1 in
    https:*)
      if grep -iE '^ *location:[[:space:]]*[a-z][a-z0-9+.-]*:' "$scratch/fetch.log" | grep -qivE '^ *location:[[:space:]]*https:'; then
        fetch_reason='it leads away from https://'
        return 1
      fi
      ;;
  esac
  [ "$fetch_code" != 0 ] || return 0
  fetch_status=$(sed -n 's/.*ERROR \([0-9][0-9][0-9]\).*/\1/p' "$scratch/fetch.log" | tail -n 1)
  [ -n "$fetch_status" ] || fetch_status=0
  if [ "$fetch_status" = 416 ]; then fetch_status=0; rm -f -- "$2"; fi
  fetch_reason=$(grep -v -e '^$' -e '^http' -e '^  ' "$scratch/fetch.log" | tail -n 1)
  [ -n "$fetch_reason" ] || fetch_reason="wget ended with status $fetch_code"
  return 1
}

# fetch_checked URL FILE ALGORITHM HEX: fetch and check. A part that was left by another version of the file is a reason to
# download it once more, from its beginning.
fetch_checked() {
  fetch_resumed=no
  if [ -s "$2.part" ]; then fetch_resumed=yes; fi
  fetch "$1" "$2"
  if has_digest "$2" "$3" "$4"; then return 0; fi
  rm -f -- "$2"
  if [ $fetch_resumed = yes ]; then
    fetch "$1" "$2"
    if has_digest "$2" "$3" "$4"; then return 0; fi
    rm -f -- "$2"
  fi
  die "cannot use $1: its $3 checksum is not $4, which its index promises; try again later, or another mirror"
}
