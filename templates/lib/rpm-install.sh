# shellcheck shell=sh source-path=SCRIPTDIR/.. disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# The RPM family: this machine's dnf, yum or zypper fills the tree, and the database of packages gets to where the container's rpm looks.

# shellcheck source=lib/rpm-dnf.sh
. "$library_dir/lib/rpm-dnf.sh"
# shellcheck source=lib/rpm-zypper.sh
. "$library_dir/lib/rpm-zypper.sh"
# shellcheck source=lib/watched.sh
. "$library_dir/lib/watched.sh"

# find_installer: sets installer. What is missing is said before anything is downloaded.
find_installer() {
  for installer in $installers; do
    if command -v "$installer" >/dev/null; then
      require rpmdb rpm
      if [ "$metadata_check" = yes ]; then require gpg gnupg; fi
      return 0
    fi
  done
  case $installers in
    *' '*) die "neither ${installers% *} nor ${installers##* } is installed, which install packages here; install the package ${installers%% *}" ;;
    *) die "$installers is not installed, which installs packages here; install the package $installers" ;;
  esac
}

install_rpms() {
  install_dir=$work/install
  mkdir -p "$install_dir/repos" "$install_dir/home" "$build/proc" "$build/dev"
  host_repo_files "$install_dir/repos"
  case $installer in
    zypper) rpm_database=$zypper_database rpm_runner=run_zypper ;;
    *) rpm_database=$dnf_database rpm_runner=run_dnf ;;
  esac
  # rpm of Debian keeps its database below $HOME, so below ROOT/$HOME here. Macros of $HOME go last, and so win.
  echo "%_dbpath $rpm_database" >"$install_dir/home/.rpmmacros"
  $rpm_runner
}

# run_installer COMMAND...: what it says goes to the terminal, if there is one; errors to $install_dir/log.
run_installer() {
  if [ -t 1 ]; then (with_proc_and_dev "$@") 2>"$install_dir/log"; else (with_proc_and_dev "$@") >"$install_dir/log" 2>&1; fi
}

# with_proc_and_dev COMMAND...: with what scriptlets of packages need, in a mount namespace: nothing stays mounted, however it ends.
# Instead of the shell that calls it.
with_proc_and_dev() {
  # shellcheck disable=SC2016 # the inner shell's
  HOME=$install_dir/home LC_ALL=C.UTF-8 exec setpriv --pdeathsig KILL -- unshare --mount --propagation private -- sh -euc '
    build=$1
    shift
    mount -t proc -o nosuid,nodev,noexec proc "$build/proc"
    mount -t tmpfs -o nosuid,mode=755,size=1m dev "$build/dev"
    mknod -m 666 "$build/dev/null" c 1 3
    mknod -m 666 "$build/dev/zero" c 1 5
    mknod -m 666 "$build/dev/full" c 1 7
    mknod -m 666 "$build/dev/random" c 1 8
    mknod -m 666 "$build/dev/urandom" c 1 9
    exec "$@"' sh "$build" "$@" </dev/null 8>&- 9>&-
}

# installer_failed: one line of what dnf or zypper said, with the URL.
installer_failed() {
  # What a person needs of it: errors, each with the cause that curl, rpm or gpg gave.
  failed_reason=$(tr '\r' '\n' <"$install_dir/log" | sed -e 's/^\[\(MIRROR\|FAILED\)\] //' -e 's/ Do you want to retry .*//' |
    grep -aE '^ *(Error|Failed|Problem|No provider of| - |.*Signature verification failed|.*[Cc]url error|.*Status code|.*more space needed|.*No match for|.*not signed|Public key for|.*GPG|.*No space left|.*conflicts with)' |
    grep -avE '^Importing|^ (Userid|Fingerprint|From) *:|GPG Keys are configured|Error Summary|Error code:|Error trying to read|Problem occurred|^ *gpgkey=|^ - Can.t provide' | awk '!seen[$0]++' | tail -n 3 | tr -s ' \t\n' ' ')
  # rpm counts before it writes; curl says no more than that it could not, and zypper only its own log.
  case $failed_reason:$(grep -ao -m 1 'No space left on device' "$install_dir/zypper.log" 2>/dev/null) in *'more space needed'* | *[Cc]'url error (23)'* | *'Failure writing output'* | *':No space left'*) failed_reason="No space left on device: $failed_reason" ;; esac
  [ -n "$failed_reason" ] || failed_reason=$(tail -n 2 "$install_dir/log" | tr '\n' ' ')
  die "cannot install $title $release for $arch from $(source_for_people): $installer failed: ${failed_reason:-without a word}"
}

# move_rpm_database: the installer has written it as this machine's rpm does. The container's own rpm makes it anew, where it looks and in
# the format that it reads.
move_rpm_database() {
  rm -rf -- "$install_dir/cache" "$install_dir/repos"
  inner_path=$(chroot "$build" rpm --eval '%{_dbpath}' 2>/dev/null) || inner_path=''
  # A container without rpm has no use for it, but people outside may: rpm --root --dbpath.
  if [ -n "$inner_path" ]; then
    case $inner_path in /*) ;; *) die "cannot move the database of packages: the container's rpm looks in '$inner_path'" ;; esac
    HOME=$install_dir/home rpmdb --root "$build" --exportdb >"$install_dir/headers" || die 'cannot read the database of packages'
    outer_count=$(HOME=$install_dir/home rpm --root "$build" -qa | wc -l)
    files_of "$build"
    rooted "$rpm_database/."
    find "$at" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +
    rm -rf -- "$build/root/.rpmdb"
    make_dir "$inner_path"
    chroot "$build" rpmdb --importdb <"$install_dir/headers" || die "the container's rpm cannot read the database of packages"
    inner_count=$(chroot "$build" rpm -qa | wc -l)
    [ "$inner_count" = "$outer_count" ] || die "the database of packages is not whole: $inner_count of $outer_count packages"
  fi
  rm -rf -- "$install_dir"
}
