# Generated from src/cli by npm run generate; edits here are lost.
# Completion of tlxc and the tlxc-* programs for bash.

# What the program $1 knows: options with and without value, and what stands where no option does.
__tlxc_table() {
  flags='' valued='' positional=''
  case $1 in
    attach) flags='-e --elevated-privileges -R --remount-sys-proc --clear-env --keep-env -q --quiet -h --help --usage --version' valued='-n --name -a --arch -s --namespaces --keep-var -v --set-var -L --pty-log -f --rcfile -u --uid -g --gid -c --context -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='active' ;;
    autostart) flags='-k --kill -L --list -r --reboot -s --shutdown -a --all -A --ignore-auto --json -q --quiet -h --help --usage --version' valued='-g --groups -t --timeout -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='' ;;
    cgroup) flags='--json -q --quiet -h --help --usage --version' valued='-n --name --rcfile -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='active' ;;
    checkconfig) flags='--storage --dry-run --json -q --quiet -h --help --usage --version' valued='-n --name -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='' ;;
    clone) flags='-s --snapshot -K --keepname -M --keepmac -R --rename --json -q --quiet -h --help --usage --version' valued='-o --orig -n --new -B --backingstore -L --size -p --lxcpath -P --newpath --logfile -l --logpriority --lock-timeout' positional='' ;;
    config) flags='-l --list --json -q --quiet -h --help --usage --version' valued='-P --lxcpath -o --logfile --logpriority --lock-timeout' positional='' ;;
    console) flags='--watch -q --quiet -h --help --usage --version' valued='-n --name -t --tty -e --escape --rcfile -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='active' ;;
    copy) flags='-R --rename -s --snapshot -a --allowrunning -F --foreground -d --daemon -e --ephemeral -D --keepdata -K --keepname -M --keepmac -t --tmpfs --json -q --quiet -h --help --usage --version' valued='-n --name -N --newname -p --newpath -m --mount -B --backingstorage -L --fssize --rcfile -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='container' ;;
    create) flags='--privileged --json -q --quiet -h --help --usage --version' valued='-n --name -t --template -f --config -B --bdev --dir --lvname --vgname --thinpool --rbdname --rbdpool --rbduser --zfsroot --fstype --fssize -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='' ;;
    destroy) flags='-f --force -s --snapshots --purge --undo --empty-trash --json -q --quiet -h --help --usage --version' valued='-n --name --rcfile -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='' ;;
    execute) flags='-d --daemon -q --quiet -h --help --usage --version' valued='-n --name -f --rcfile -s --define --share-net --share-ipc --share-uts --share-pid -u --uid -g --gid -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='' ;;
    export) flags='-f --force --json -q --quiet -h --help --usage --version' valued='-n --name --since --level -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='container' ;;
    freeze) flags='-q --quiet -h --help --usage --version' valued='-n --name --rcfile -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='active' ;;
    import) flags='--trust --json -q --quiet -h --help --usage --version' valued='-N --newname -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='' ;;
    info) flags='-i --ips -p --pid -S --stats -H --no-humanize -s --state --json -q --quiet -h --help --usage --version' valued='-n --name -c --config --rcfile -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='container' ;;
    ls) flags='-1 --line -f --fancy --active --running --frozen --stopped --defined --nesting --json -q --quiet -h --help --usage --version' valued='-F --fancy-format --filter -g --groups -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='' ;;
    monitor) flags='-Q --quit --json -q --quiet -h --help --usage --version' valued='-n --name -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='' ;;
    net) flags='--force --json -q --quiet -h --help --usage --version' valued='-P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='words:start stop restart status' ;;
    snapshot) flags='--all --running -L --list -C --showcomments --tree -f --force --undo --prune --dry-run --squash --json -q --quiet -h --help --usage --version' valued='-n --name -c --comment -m --message -r --restore -N --newname -d --destroy --diff --browse --release --keep-last --keep-hourly --keep-daily --keep-weekly --keep-monthly --keep-undo --rcfile -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='' ;;
    start) flags='-d --daemon -F --foreground -C --close-all-fds --explain --json -q --quiet -h --help --usage --version' valued='-n --name -p --pidfile -f --rcfile -s --define --share-net --share-ipc --share-uts --share-pid -c --console -L --console-log -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='stopped' ;;
    stop) flags='-r --reboot -W --nowait -k --kill --nolock --nokill -q --quiet -h --help --usage --version' valued='-n --name -t --timeout --rcfile -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='active' ;;
    template) flags='--flush --refresh --json -q --quiet -h --help --usage --version' valued='-P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='words:list show cache' ;;
    unfreeze) flags='-q --quiet -h --help --usage --version' valued='-n --name --rcfile -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='active' ;;
    wait) flags='--json -q --quiet -h --help --usage --version' valued='-n --name -s --state -t --timeout --rcfile -P --lxcpath -o --logfile -l --logpriority --lock-timeout' positional='container' ;;
  esac
}

# What completes the value of option $2 of program $1.
__tlxc_value() {
  case $1:$2 in
    attach:-n | attach:--name) echo 'active' ;;
    attach:-L | attach:--pty-log) echo 'file' ;;
    attach:-f | attach:--rcfile) echo 'file' ;;
    attach:-P | attach:--lxcpath) echo 'directory' ;;
    attach:-o | attach:--logfile) echo 'file' ;;
    attach:-l | attach:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    autostart:-P | autostart:--lxcpath) echo 'directory' ;;
    autostart:-o | autostart:--logfile) echo 'file' ;;
    autostart:-l | autostart:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    cgroup:-n | cgroup:--name) echo 'active' ;;
    cgroup:--rcfile) echo 'file' ;;
    cgroup:-P | cgroup:--lxcpath) echo 'directory' ;;
    cgroup:-o | cgroup:--logfile) echo 'file' ;;
    cgroup:-l | cgroup:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    checkconfig:-n | checkconfig:--name) echo 'container' ;;
    checkconfig:-P | checkconfig:--lxcpath) echo 'directory' ;;
    checkconfig:-o | checkconfig:--logfile) echo 'file' ;;
    checkconfig:-l | checkconfig:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    clone:-o | clone:--orig) echo 'container' ;;
    clone:-B | clone:--backingstore) echo 'words:overlay dir btrfs' ;;
    clone:-p | clone:--lxcpath) echo 'directory' ;;
    clone:-P | clone:--newpath) echo 'directory' ;;
    clone:--logfile) echo 'file' ;;
    clone:-l | clone:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    config:-P | config:--lxcpath) echo 'directory' ;;
    config:-o | config:--logfile) echo 'file' ;;
    config:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    console:-n | console:--name) echo 'active' ;;
    console:--rcfile) echo 'file' ;;
    console:-P | console:--lxcpath) echo 'directory' ;;
    console:-o | console:--logfile) echo 'file' ;;
    console:-l | console:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    copy:-n | copy:--name) echo 'container' ;;
    copy:-p | copy:--newpath) echo 'directory' ;;
    copy:-B | copy:--backingstorage) echo 'words:overlay dir btrfs' ;;
    copy:--rcfile) echo 'file' ;;
    copy:-P | copy:--lxcpath) echo 'directory' ;;
    copy:-o | copy:--logfile) echo 'file' ;;
    copy:-l | copy:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    create:-n | create:--name) echo 'container' ;;
    create:-f | create:--config) echo 'file' ;;
    create:-B | create:--bdev) echo 'words:overlay dir btrfs best' ;;
    create:--dir) echo 'directory' ;;
    create:-P | create:--lxcpath) echo 'directory' ;;
    create:-o | create:--logfile) echo 'file' ;;
    create:-l | create:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    destroy:-n | destroy:--name) echo 'container' ;;
    destroy:--rcfile) echo 'file' ;;
    destroy:-P | destroy:--lxcpath) echo 'directory' ;;
    destroy:-o | destroy:--logfile) echo 'file' ;;
    destroy:-l | destroy:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    execute:-n | execute:--name) echo 'container' ;;
    execute:-f | execute:--rcfile) echo 'file' ;;
    execute:--share-net) echo 'container' ;;
    execute:--share-ipc) echo 'container' ;;
    execute:--share-uts) echo 'container' ;;
    execute:--share-pid) echo 'container' ;;
    execute:-P | execute:--lxcpath) echo 'directory' ;;
    execute:-o | execute:--logfile) echo 'file' ;;
    execute:-l | execute:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    export:-n | export:--name) echo 'container' ;;
    export:-P | export:--lxcpath) echo 'directory' ;;
    export:-o | export:--logfile) echo 'file' ;;
    export:-l | export:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    freeze:-n | freeze:--name) echo 'active' ;;
    freeze:--rcfile) echo 'file' ;;
    freeze:-P | freeze:--lxcpath) echo 'directory' ;;
    freeze:-o | freeze:--logfile) echo 'file' ;;
    freeze:-l | freeze:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    import:-P | import:--lxcpath) echo 'directory' ;;
    import:-o | import:--logfile) echo 'file' ;;
    import:-l | import:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    info:-n | info:--name) echo 'container' ;;
    info:--rcfile) echo 'file' ;;
    info:-P | info:--lxcpath) echo 'directory' ;;
    info:-o | info:--logfile) echo 'file' ;;
    info:-l | info:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    ls:-P | ls:--lxcpath) echo 'directory' ;;
    ls:-o | ls:--logfile) echo 'file' ;;
    ls:-l | ls:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    monitor:-n | monitor:--name) echo 'container' ;;
    monitor:-P | monitor:--lxcpath) echo 'directory' ;;
    monitor:-o | monitor:--logfile) echo 'file' ;;
    monitor:-l | monitor:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    net:-P | net:--lxcpath) echo 'directory' ;;
    net:-o | net:--logfile) echo 'file' ;;
    net:-l | net:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    snapshot:-n | snapshot:--name) echo 'container' ;;
    snapshot:-c | snapshot:--comment) echo 'file' ;;
    snapshot:--rcfile) echo 'file' ;;
    snapshot:-P | snapshot:--lxcpath) echo 'directory' ;;
    snapshot:-o | snapshot:--logfile) echo 'file' ;;
    snapshot:-l | snapshot:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    start:-n | start:--name) echo 'stopped' ;;
    start:-p | start:--pidfile) echo 'file' ;;
    start:-f | start:--rcfile) echo 'file' ;;
    start:--share-net) echo 'container' ;;
    start:--share-ipc) echo 'container' ;;
    start:--share-uts) echo 'container' ;;
    start:--share-pid) echo 'container' ;;
    start:-c | start:--console) echo 'file' ;;
    start:-L | start:--console-log) echo 'file' ;;
    start:-P | start:--lxcpath) echo 'directory' ;;
    start:-o | start:--logfile) echo 'file' ;;
    start:-l | start:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    stop:-n | stop:--name) echo 'active' ;;
    stop:--rcfile) echo 'file' ;;
    stop:-P | stop:--lxcpath) echo 'directory' ;;
    stop:-o | stop:--logfile) echo 'file' ;;
    stop:-l | stop:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    template:-P | template:--lxcpath) echo 'directory' ;;
    template:-o | template:--logfile) echo 'file' ;;
    template:-l | template:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    unfreeze:-n | unfreeze:--name) echo 'active' ;;
    unfreeze:--rcfile) echo 'file' ;;
    unfreeze:-P | unfreeze:--lxcpath) echo 'directory' ;;
    unfreeze:-o | unfreeze:--logfile) echo 'file' ;;
    unfreeze:-l | unfreeze:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
    wait:-n | wait:--name) echo 'container' ;;
    wait:-s | wait:--state) echo 'words:STOPPED STARTING RUNNING STOPPING ABORTING FREEZING FROZEN THAWED' ;;
    wait:--rcfile) echo 'file' ;;
    wait:-P | wait:--lxcpath) echo 'directory' ;;
    wait:-o | wait:--logfile) echo 'file' ;;
    wait:-l | wait:--logpriority) echo 'words:TRACE DEBUG INFO NOTICE WARN ERROR CRIT ALERT FATAL' ;;
  esac
}

# Names of containers that begin with $1, below the -P of this command line if there is one; the rest goes to tlxc-ls.
# Not by compgen -W, which would expand what it finds in a name.
__tlxc_containers() {
  local i name path=() current=$1
  shift
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -P | --lxcpath) path=(-P "${COMP_WORDS[i + 1]}") ;;
      -P*) path=(-P "${COMP_WORDS[i]#-P}") ;;
    esac
  done
  while read -r name; do
    [[ $name != "$current"* ]] || COMPREPLY+=("$name")
  done < <(tlxc-ls -1 "${path[@]}" "$@" 2>/dev/null)
}

__tlxc_offer() {
  local IFS=$'\n' kind=$1 current=$2
  case $kind in
    container) __tlxc_containers "$current" ;;
    active) __tlxc_containers "$current" --active ;;
    stopped) __tlxc_containers "$current" --stopped ;;
    file) mapfile -t COMPREPLY < <(compgen -f -- "$current") && compopt -o filenames ;;
    directory) mapfile -t COMPREPLY < <(compgen -d -- "$current") && compopt -o filenames ;;
    words:*)
      IFS=' '
      mapfile -t COMPREPLY < <(compgen -W "${kind#words:}" -- "$current")
      ;;
  esac
}

_tlxc() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local program=${1##*/} first=1 flags valued positional i named=''
  COMPREPLY=()
  program=${program#tlxc-}
  if [[ $program == tlxc ]]; then
    if ((COMP_CWORD == 1)) || [[ $COMP_CWORD == 2 && ${COMP_WORDS[1]} == help ]]; then
      mapfile -t COMPREPLY < <(compgen -W 'attach autostart cgroup checkconfig clone config console copy create destroy execute export freeze import info ls monitor net snapshot start stop template unfreeze wait help version' -- "$current")
      return
    fi
    program=${COMP_WORDS[1]}
    first=2
  fi
  __tlxc_table "$program"

  # --option=VALUE comes in three words, because = ends a word in COMP_WORDBREAKS.
  if [[ $current == '=' ]]; then current='' previous=${COMP_WORDS[COMP_CWORD - 1]}; fi
  if [[ $previous == '=' ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi
  if [[ " $valued " == *" $previous "* ]]; then
    __tlxc_offer "$(__tlxc_value "$program" "$previous")" "$current"
    return
  fi
  for ((i = first; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --) compopt -o default; return ;;
      -n | --name) named=1 ;;
      -*) ;;
      *) [[ " $valued = " == *" ${COMP_WORDS[i - 1]} "* ]] || named=1 ;;
    esac
  done
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags $valued" -- "$current")
  elif [[ -z $named && -n $positional ]]; then
    __tlxc_offer "$positional" "$current"
  else
    compopt -o default
  fi
}

complete -F _tlxc tlxc tlxc-attach tlxc-autostart tlxc-cgroup tlxc-checkconfig tlxc-clone tlxc-config tlxc-console tlxc-copy tlxc-create tlxc-destroy tlxc-execute tlxc-export tlxc-freeze tlxc-import tlxc-info tlxc-ls tlxc-monitor tlxc-net tlxc-snapshot tlxc-start tlxc-stop tlxc-template tlxc-unfreeze tlxc-wait
