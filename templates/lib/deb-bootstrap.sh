# shellcheck shell=sh source-path=SCRIPTDIR/.. disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# From a mirror to a tree, by mmdebstrap or debootstrap. Part of deb.sh.

# shellcheck source=lib/watched.sh
. "$library_dir/lib/watched.sh"

# Lines "URL SUITE" of what apt of this machine is set up to use, whatever the form of its files.
apt_sources() {
  command -v apt-get >/dev/null || return 0
  # shellcheck disable=SC2016 # apt's own placeholders
  apt-get indextargets 'Created-By: Packages' --format '$(REPO_URI) $(RELEASE)' 2>/dev/null | sort -u
}

# Sets mirror and security_mirror: given, or this machine's own for the same distribution, or the distribution's.
find_mirrors() {
  deb_sources=$(apt_sources)
  if [ -z "$mirror" ]; then
    mirror=$(printf '%s\n' "$deb_sources" | awk -v r="$release" -v d="/$distribution/?$" '$2 == r && $1 ~ d { print $1; exit }')
    [ -n "$mirror" ] || mirror=$(printf '%s\n' "$deb_sources" | awk -v d="/$distribution/?$" '$1 ~ d { print $1; exit }')
    [ -n "$mirror" ] || mirror=$default_mirror
    [ -n "$mirror" ] || die "no mirror of $title is known: apt of this machine uses none; give --mirror=URL"
  fi
  # With keys of its own a site's mirror is all there is: the distribution's would not verify.
  if [ -z "$security_mirror" ] && { [ -z "$keyring" ] || [ "$keyring" = "$default_keyring" ]; }; then
    security_mirror=$(printf '%s\n' "$deb_sources" | awk -v d="/$distribution-security/?$" '$1 ~ d { print $1; exit }')
  fi
}

# Nobody should find out later that a container never had a security update.
warn_of_no_security() {
  if [ -n "$security_mirror" ] || ! update_suites "$release" | grep -q ' security$'; then return 0; fi
  warn "no mirror of the security updates of $title is known, the container gets none; give --security-mirror=URL"
}

# Sets keyring_file (see keyring). Without keys nothing is downloaded.
find_keyring() {
  # It has been called already.
  [ -z "${keyring_file:-}" ] || return 0
  if [ -z "$keyring" ]; then
    [ -f "$default_keyring" ] || die "cannot check that packages are $title's: there is no '$default_keyring'; install the package $keyring_package, or give --keyring=FILE|URL"
    keyring=$default_keyring
  fi
  keyring "$keyring"
}

# sources.list of the container.
sources_list() {
  echo "deb $mirror $release $components"
  update_suites "$release" | while read -r suite_name suite_kind; do
    case $suite_kind in
      security) if [ -n "$security_mirror" ]; then echo "deb $security_mirror $suite_name $components"; fi ;;
      *) echo "deb $mirror $suite_name $components" ;;
    esac
  done
}

# Settings of this machine's apt without which it would not reach its mirror, and an end to waiting for a mirror that is dead.
apt_settings() {
  if command -v apt-config >/dev/null; then
    apt-config dump | grep -E '^Acquire::[^ ]*([Pp]roxy|CaInfo|CAInfo|Verify-|Check-)[^ ]* ".+";$' || true
  fi
  echo 'Acquire::Retries "2";'
  for apt_method in http https; do echo "Acquire::$apt_method::Timeout \"$fetch_stall_timeout\";"; done
}

# bootstrap_deb: fills $build. Dies with the reason that is in what the program said.
bootstrap_deb() {
  need_scratch
  sources_list >"$scratch/sources.list"
  apt_settings >"$scratch/apt.conf"
  if command -v mmdebstrap >/dev/null; then
    deb_tool=by_mmdebstrap
  elif command -v debootstrap >/dev/null; then
    deb_tool=by_debootstrap
  else
    die 'neither mmdebstrap nor debootstrap is installed; install one of them'
  fi
  echo 1 >"$scratch/deb.status"
  if [ -t 1 ]; then
    { deb_status=0; $deb_tool || deb_status=$?; echo $deb_status >"$scratch/deb.status"; } 2>&1 | tee "$scratch/deb.log"
  else
    { deb_status=0; $deb_tool || deb_status=$?; echo $deb_status >"$scratch/deb.status"; } >"$scratch/deb.log" 2>&1
  fi
  [ "$(cat "$scratch/deb.status")" = 0 ] || die "cannot make $title $release for $arch from $mirror: $(deb_reason)"
}

by_mmdebstrap() {
  set -- --mode=root "--architectures=$arch" "--variant=$variant" "--include=$(base_packages)" --format=directory \
    "--aptopt=$scratch/apt.conf"
  # It becomes a file of the container; the proxy of this machine is no business of it.
  # shellcheck disable=SC2016 # mmdebstrap's shell expands it
  set -- "$@" '--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"'
  # For apt its keyrings in /etc/apt are as good as the one that was given, unless a source names its own.
  sed "s|^deb |deb [signed-by=$keyring_file] |" "$scratch/sources.list" >"$scratch/bootstrap.list"
  # With --quiet it would keep apt's reasons to itself.
  mmdebstrap "$@" "$release" "$build" "$scratch/bootstrap.list"
}

by_debootstrap() {
  set -- "--arch=$arch" "--include=$(base_packages)" "--components=$(echo "$components" | tr ' ' ,)" "--keyring=$keyring_file" --force-check-gpg
  case $variant in
    minbase | buildd) set -- "--variant=$variant" "$@" ;;
    important) ;;
    *) echo "E: debootstrap has no variant '$variant'; install mmdebstrap"; return 1 ;;
  esac
  http_proxy=${http_proxy:-$(sed -n 's/^Acquire::http::[Pp]roxy "\(.*\)";$/\1/p' "$scratch/apt.conf")}
  [ -z "$http_proxy" ] || export http_proxy
  deb_script=/usr/share/debootstrap/scripts/$release
  if [ -e "$deb_script" ]; then deb_script=''; else deb_script=/usr/share/debootstrap/scripts/$fallback_script; fi
  # Its downloads wait for ever.
  watched "$build" debootstrap "$@" "$release" "$build" "$mirror" ${deb_script:+"$deb_script"} || {
    [ $watched_dead = no ] || echo "E: timed out: nothing came for $fetch_stall_timeout seconds"
    return 1
  }
  rm -rf "$build/debootstrap" "$build/var/cache/apt/archives/"*.deb "$build/var/lib/apt/lists/"*
}

# has_newer_debs: whether the mirror has something newer than the packages in the tree of $entry. 0: it has, or this machine has no
# apt to tell. It is the apt of this machine, with the sources and the keys of a build, that asks; nothing of the tree is run.
has_newer_debs() {
  command -v apt-get >/dev/null || return 0
  find_mirrors
  find_keyring
  need_scratch
  sources_list >"$scratch/sources.list"
  newer_dir=$scratch/newer
  mkdir -p "$newer_dir/etc" "$newer_dir/state/lists/partial" "$newer_dir/cache/archives/partial" || die "cannot write to '$scratch'"
  sed "s|^deb |deb [signed-by=$keyring_file] |" "$scratch/sources.list" >"$newer_dir/etc/sources.list"
  {
    # Of this machine's own settings, those alone that a build takes over, too.
    apt_settings
    printf '%s "%s";\n' Dir::Etc "$newer_dir/etc" Dir::State "$newer_dir/state" Dir::State::status "$entry/rootfs/var/lib/dpkg/status" \
      Dir::State::extended_states "$entry/rootfs/var/lib/apt/extended_states" Dir::Cache "$newer_dir/cache" \
      APT::Architecture "$arch" APT::Architectures "$arch" APT::Sandbox::User root APT::Update::Error-Mode any Acquire::Languages none
  } >"$newer_dir/apt.conf"
  progress "Asking $mirror for something newer ..."
  # Older ones than apt 2.1.2 warn of what they could not download, and end with 0.
  if ! APT_CONFIG=$newer_dir/apt.conf apt-get update >"$scratch/deb.log" 2>&1 || grep -qE '^[EW]: (Failed to fetch|Some index files|The repository)' "$scratch/deb.log" ||
    ! APT_CONFIG=$newer_dir/apt.conf apt-get -s -o Debug::NoLocking=1 dist-upgrade >"$newer_dir/plan" 2>>"$scratch/deb.log"; then
    die "cannot refresh $title $release for $arch from $mirror: $(deb_reason)"
  fi
  grep -E '^(Inst|Remv) ' "$newer_dir/plan" >"$newer_dir/changes" || return 1
  progress "$(wc -l <"$newer_dir/changes") packages changed, such as $(sed -n '1s/^[^ ]* \([^ ]*\).*/\1/p' "$newer_dir/changes")."
}

# deb_reason: the line of the log that says why, rather than the last.
deb_reason() {
  deb_line=$(grep -aE "No space left|NO_PUBKEY|BADSIG|EXPKEYSIG|not signed|unknown key|does not have a Release file|Could not (connect|resolve)|Temporary failure|timed out|Failed to fetch|Unable to locate package|Couldn't find these debs|Invalid Release|Failed getting|is not available|has no installation candidate|Hash Sum|no variant" \
    "$scratch/deb.log" | head -n 1)
  [ -n "$deb_line" ] || deb_line=$(grep -aE '^(E|W): ' "$scratch/deb.log" | head -n 1)
  [ -n "$deb_line" ] || deb_line=$(tail -n 1 "$scratch/deb.log")
  printf '%s\n' "$deb_line" | tr -d '\033\r' | sed 's/^ *\([EW]: \)\{0,1\}//'
}
