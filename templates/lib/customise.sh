# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# What makes one container out of a system that many share: the same options for all templates, carried out in one place.

hostname='' timezone='' root_password='' root_ssh_key='' packages='' user='' user_ssh_key='' user_password='' cloud_init=''

# The lines of a template's --help that are about these options.
customise_usage() {
  cat <<'USAGE'
For this container:
  --hostname=NAME           its host name (default: the container's name)
  --timezone=ZONE           such as Europe/Berlin (default: what the system comes with)
  --packages=A,B,...        packages to add
  --root-password=PASSWORD  password of root. Without one it is locked: root then logs in on the console without a password
                            (only root of the host reaches the console), and nowhere else. Also: --password
  --root-ssh-key=FILE.pub   SSH public keys for root. Also: -S, --auth-key
  --user=NAME               an ordinary user, its password locked unless --user-password=PASSWORD
  --ssh-key=FILE.pub        SSH public keys for that user
  --cloud-init=FILE         user data for cloud-init (NoCloud), where the system has it
USAGE
}

# customise_option OPTION VALUE. 0: it was one of them.
customise_option() {
  case $1 in
    --hostname) hostname=$2 ;;
    --timezone) timezone=$2 ;;
    --packages) packages=$packages${packages:+,}$2 ;;
    --root-password | --password) root_password=$2 ;;
    --root-ssh-key | --auth-key | -S) root_ssh_key=$2 ;;
    --user) user=$2 ;;
    --user-password) user_password=$2 ;;
    --ssh-key) user_ssh_key=$2 ;;
    --cloud-init) cloud_init=$2 ;;
    *) return 1 ;;
  esac
}

customise_takes_value() {
  case $1 in
    --hostname | --timezone | --packages | --root-password | --password | --root-ssh-key | --auth-key | -S) return 0 ;;
    --user | --user-password | --ssh-key | --cloud-init) return 0 ;;
    *) return 1 ;;
  esac
}

# check_packages: for who brings the cache up to date; with check_customise it is done.
check_packages() {
  case $packages in *[!a-zA-Z0-9.+:,~_@=-]* | -* | *,-*) die "'$packages' is no list of packages (names with commas between)" ;; esac
}

# check_customise: everything that can be known before anything is downloaded.
check_customise() {
  [ -n "$hostname" ] || hostname=$name
  case $hostname in *[!a-zA-Z0-9.-]* | '' | [.-]* | *[.-] | *..*) die "'$hostname' is no host name; give --hostname=NAME" ;; esac
  [ ${#hostname} -le 64 ] || die "the host name '$hostname' is longer than 64 characters"
  case $timezone in *[!a-zA-Z0-9_+/-]* | /* | */) die "'$timezone' is no name of a time zone, such as Europe/Berlin" ;; esac
  check_packages
  case $user in
    root) die '--user makes an ordinary user; for root there are --root-password and --root-ssh-key' ;;
    *[!a-z0-9_-]* | [0-9-]*) die "'$user' is no name for a user (lower case, digits, _ and -)" ;;
  esac
  [ ${#user} -le 32 ] || die "the user name '$user' is longer than 32 characters"
  [ -n "$user" ] || [ -z "$user_ssh_key$user_password" ] || die '--ssh-key and --user-password are about a user: give --user=NAME (or --root-ssh-key)'
  # Read when a template may be in another directory.
  root_ssh_key=$(absolute "$root_ssh_key") user_ssh_key=$(absolute "$user_ssh_key") cloud_init=$(absolute "$cloud_init")
  [ -z "$root_ssh_key" ] || check_public_key "$root_ssh_key"
  [ -z "$user_ssh_key" ] || check_public_key "$user_ssh_key"
  if [ -n "$cloud_init" ]; then
    [ -f "$cloud_init" ] || die "there is no cloud-init file '$cloud_init'"
    case $(head -c 64 -- "$cloud_init" | head -n 1) in
      '#cloud-config'* | '#!'* | '#include'* | '## template: jinja'* | 'Content-Type:'* | 'MIME-Version:'* | '#cloud-boothook'*) ;;
      *) die "'$cloud_init' is no user data of cloud-init: its first line is not '#cloud-config' or another that cloud-init knows" ;;
    esac
  fi
}

# wants_ssh: a key is of no use without a server.
wants_ssh() {
  [ -n "$root_ssh_key$user_ssh_key" ]
}

# customise: after provide_rootfs, for every container.
customise() {
  files_of "$rootfs"
  customise_name
  customise_machine_id
  if [ -z "$root_password" ]; then allow_root_on_console || true; fi
  customise_asked
}

# customise_asked: what the options ask for beyond a name, for templates that write the rest themselves.
customise_asked() {
  if [ -n "$timezone" ]; then customise_timezone; fi
  if [ -n "$root_password" ]; then set_password root "$root_password"; fi
  if [ -n "$root_ssh_key" ]; then authorize_key root "$root_ssh_key"; fi
  if [ -n "$user" ]; then
    add_user "$user"
    if [ -n "$user_password" ]; then set_password "$user" "$user_password"; fi
    if [ -n "$user_ssh_key" ]; then authorize_key "$user" "$user_ssh_key"; fi
  fi
  if [ -n "$cloud_init" ]; then customise_cloud_init; fi
}

customise_name() {
  printf '%s\n' "$hostname" | write 644 etc/hostname
  # Names that the image brought stay, but those of the machine that it was made on.
  if ! read_file etc/hosts 2>/dev/null | grep -q '[ \t]localhost'; then
    write 644 etc/hosts <<FILE
127.0.0.1 localhost
::1       localhost ip6-localhost ip6-loopback
ff02::1   ip6-allnodes
ff02::2   ip6-allrouters
FILE
  fi
  # shellcheck disable=SC2016 # awk's own
  edit etc/hosts 644 awk -v names="${hostname}$(case $hostname in *.*) echo " ${hostname%%.*}" ;; esac)" '
    $1 == "127.0.1.1" { next }
    { print }
    !done && $1 == "127.0.0.1" { print "127.0.1.1 " names; done = 1 }
    END { if (!done) print "127.0.1.1 " names }'
}

# Two machines with one id get one address, and one journal. Empty: systemd makes one at the first boot.
customise_machine_id() {
  if has etc/machine-id || has usr/lib/systemd/systemd || has lib/systemd/systemd; then : | write 444 etc/machine-id; fi
  remove var/lib/dbus/machine-id var/lib/systemd/random-seed
  for customise_key in rsa dsa ecdsa ed25519; do
    remove "etc/ssh/ssh_host_${customise_key}_key" "etc/ssh/ssh_host_${customise_key}_key.pub"
  done
}

customise_timezone() {
  has "usr/share/zoneinfo/$timezone" ||
    die "cannot set the time zone: the container has no /usr/share/zoneinfo/$timezone (a wrong name, or the package tzdata is missing: --packages tzdata)"
  link "../usr/share/zoneinfo/$timezone" etc/localtime
  if has etc/timezone; then printf '%s\n' "$timezone" | write 644 etc/timezone; fi
}

# NoCloud: cloud-init looks here before it asks the network.
customise_cloud_init() {
  has usr/bin/cloud-init || die "cannot use --cloud-init: this system has no cloud-init (where there is a package: --packages cloud-init)"
  write 600 var/lib/cloud/seed/nocloud-net/user-data <"$cloud_init"
  # Another id is another machine: cloud-init does its work once for each.
  write 644 var/lib/cloud/seed/nocloud-net/meta-data <<FILE
instance-id: tlxc-$name-$(od -An -N4 -tx1 /dev/urandom | tr -d ' ')
local-hostname: $hostname
FILE
}
