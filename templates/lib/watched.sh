# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# Programs that download by themselves end as our own downloads do (fetch.sh) when the other side falls silent. Sourced by the
# templates that need it.

# watched DIRECTORIES COMMAND...: runs the command, and ends it when for $fetch_stall_timeout seconds nothing arrived in DIRECTORIES
# (names with line breaks between), and it computed nothing either. Its status, or 1 and watched_dead=yes. It does not outlive the template.
watched() {
  need_scratch
  watched_dirs=$1 watched_dead=no watched_status=0
  shift
  rm -f -- "$scratch/watched.dead"
  "$@" &
  watched_pid=$!
  # Without our locks and our output: it may be a moment behind.
  watch_over "$watched_pid" >/dev/null 2>&1 7>&- 8>&- 9>&- &
  watched_watcher=$!
  wait "$watched_pid" 2>/dev/null || watched_status=$?
  kill "$watched_watcher" 2>/dev/null || true
  wait "$watched_watcher" 2>/dev/null || true
  [ ! -e "$scratch/watched.dead" ] || { watched_dead=yes; return 1; }
  return $watched_status
}

watch_over() {
  watched_before='' watched_still=0
  while kill -0 "$1" 2>/dev/null; do
    sleep 1
    watched_now="$(watched_bytes) $(watched_work "$1")"
    if [ "$watched_now" = "$watched_before" ]; then watched_still=$((watched_still + 1)); else watched_still=0; fi
    watched_before=$watched_now
    if [ $watched_still -ge "$fetch_stall_timeout" ]; then
      : >"$scratch/watched.dead"
      # A shell that catches the signal ends only after what it waits for.
      watched_all=$(watched_tree "$1")
      # shellcheck disable=SC2086 # numbers
      kill $watched_all 2>/dev/null || true
      sleep 5
      # shellcheck disable=SC2086
      kill -9 $watched_all 2>/dev/null || true
      return 0
    fi
  done
}

watched_bytes() {
  printf '%s\n' "$watched_dirs" | while IFS= read -r watched_dir; do du -s --block-size=1 -- "$watched_dir" 2>/dev/null | cut -f 1; done | tr '\n' ' '
}

# watched_tree PID: it, and all that descends from it
watched_tree() {
  echo "$1"
  # shellcheck disable=SC2013 # words are meant
  for watched_child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do watched_tree "$watched_child"; done
}

# Tenths of a second that the process has computed, and all that descends from it: a solver gets no bytes. Painting dots takes less.
watched_work() {
  for watched_process in $(watched_tree "$1"); do
    sed 's/.*) //' "/proc/$watched_process/stat" 2>/dev/null || true
  done | awk '{ sum += $12 + $13 } END { print int(sum / 10) }'
}
