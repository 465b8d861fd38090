# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# The RPM family by zypper. Part of rpm-install.sh.
#
# zypper takes a package for good when its checksum is in metadata with a good signature; a package of other metadata must be signed
# itself. It trusts the keys in the database of packages, so ours go there first. --gpg-auto-import-keys would trust whatever key
# the mirror shows.

# Where openSUSE's rpm has it. What zypper finds there it goes on with.
zypper_database=/usr/lib/sysimage/rpm

run_zypper() {
  mkdir -p "$build$zypper_database" "$build/var/lib"
  ln -s "../..$zypper_database" "$build/var/lib/rpm"
  if [ "$gpg_check" = yes ]; then import_keys; fi
  "$tlxc_program" __render "$template_dir/files/rpm-zypp.hbs" "arch=$([ "$arch" = "$(uname -m)" ] || echo "$arch")" \
    "timeout=$fetch_stall_timeout" >"$install_dir/zypp.conf" || die 'cannot render the settings of zypper'
  mkdir "$install_dir/tmp"
  export ZYPP_CONF="$install_dir/zypp.conf" ZYPP_LOGFILE="$install_dir/zypper.log" ZYPPTMPDIR="$install_dir/tmp"
  set -- zypper --non-interactive "--root=$build" "--reposd-dir=$install_dir/repos" "--releasever=$release"
  if [ "$gpg_check" = no ]; then set -- "$@" --no-gpg-checks; fi
  # By itself: an installation goes on without a repository that it cannot read.
  zypper_watched "$@" refresh
  # shellcheck disable=SC2086 # a list of names
  zypper_watched "$@" --no-refresh install --no-recommends --auto-agree-with-licenses --download-only $packages
  zypper_status=0
  # shellcheck disable=SC2086
  run_installer "$@" --no-refresh install --no-recommends --auto-agree-with-licenses $packages || zypper_status=$?
  # 102 and 103: something should be started again. 107: a script of a package failed, which is no failure to dnf either.
  case $zypper_status in 0 | 102 | 103 | 107) ;; *) installer_failed ;; esac
  rm -rf -- "$build/var/cache/zypp"/* "$build/run/zypp.pid"
}

# zypper_watched COMMAND...: where it talks to the mirror. Of a silent one it would take minutes to get tired.
zypper_watched() {
  watched "$install_dir/tmp$newline$build/var/cache/zypp" run_installer "$@" && return 0
  if [ "$watched_dead" = yes ]; then die "cannot install $title $release for $arch from $(source_for_people): $installer failed: $(zypper_silence)"; fi
  installer_failed
}

# What it was about to get, as its own log has it; when it ends it names the directory of the repository, too.
zypper_silence() {
  silent_url=$(grep -oE '(https?|ftp):[^ ]+' "$install_dir/zypper.log" | grep -v '/$' | tail -n 1)
  echo "nothing came for $fetch_stall_timeout seconds${silent_url:+ of $silent_url}"
}

# import_keys: ours, and those that files of repositories name, which have been judged (check_repo_file).
import_keys() {
  import_number=0
  awk '
    /^[ \t]*gpgkey[ \t]*=/ { sub(/^[^=]*=/, ""); on = 1; print; next }
    on && /^[ \t]/ { print; next }
    { on = 0 }' "$install_dir"/repos/*.repo | tr ' \t,' '[\n*]' | sed -e "s/\$releasever/$release/g" -e "s/\$basearch/$arch/g" | sort -u >"$install_dir/key-urls"
  while read -r import_url; do
    [ -n "$import_url" ] || continue
    import_number=$((import_number + 1))
    take_key "${import_url#file://}" "$install_dir/key.$import_number"
    HOME=$install_dir/home rpm --root "$build" --import "$install_dir/key.$import_number" 2>"$install_dir/log" ||
      die "cannot use the key $import_url: $(tail -n 1 "$install_dir/log")"
  done <"$install_dir/key-urls"
}
