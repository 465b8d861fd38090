# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# The RPM family by dnf or yum. Part of rpm-install.sh.

# Where rpm of this machine writes, below the new root.
dnf_database=/var/lib/rpm

run_dnf() {
  mkdir -p "$install_dir/vars"
  "$tlxc_program" __render "$template_dir/files/rpm-dnf.hbs" "directory=$install_dir" "check=$([ "$gpg_check" = yes ] && echo 1 || echo 0)" \
    "timeout=$fetch_stall_timeout" "platform=$platform" >"$install_dir/dnf.conf" || die 'cannot render the settings of dnf'
  set -- -y -c "$install_dir/dnf.conf" "--installroot=$build" "--releasever=$release"
  if [ "$arch" != "$(uname -m)" ]; then set -- "$@" "--forcearch=$arch"; fi
  if [ "$gpg_check" = no ]; then set -- "$@" --nogpgcheck; fi
  # dnf 5 looks for its settings below the new root, unless told otherwise.
  case $(readlink -f -- "$(command -v "$installer")") in *dnf5*) set -- "$@" --use-host-config ;; esac
  # shellcheck disable=SC2086 # a list of names
  run_installer "$installer" "$@" install $packages || installer_failed
}
