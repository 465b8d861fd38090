# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# Users, passwords and SSH keys, by editing /etc/passwd and its like: nothing of the container is run, since its programs would
# run as root of the host here.

# hash_password < PASSWORD: prints it as crypt(3) of SHA-512 has it
hash_password() {
  if command -v openssl >/dev/null; then
    openssl passwd -6 -stdin
  elif command -v mkpasswd >/dev/null; then
    mkpasswd -m sha-512 -s
  elif command -v busybox >/dev/null; then
    busybox mkpasswd -m sha512 -P 0
  else
    die 'cannot hash a password: none of openssl, mkpasswd and busybox is installed; install one of them'
  fi
}

# set_password USER PASSWORD
set_password() {
  password_hash=$(printf '%s\n' "$2" | hash_password) || exit 1
  case $password_hash in \$6\$*) ;; *) die 'cannot hash the password' ;; esac
  set_shadow "$1" "$password_hash"
}

# lock_password USER: no password is right, whatever the image came with.
lock_password() {
  set_shadow "$1" '*'
}

# set_shadow USER FIELD: the user's line in /etc/shadow. The hash goes through the environment: arguments can be seen by anybody.
set_shadow() {
  read_file etc/passwd | grep -q "^$1:" || die "cannot set the password of '$1': the container has no such user"
  # A link is none, and would lead anywhere.
  read_file etc/shadow >/dev/null || : | write 640 etc/shadow
  rooted etc/shadow
  shadow_mode=$(stat -c %a "$at") shadow_owner=$(stat -c %u:%g "$at")
  export shadow_user="$1" shadow_field="$2"
  # shellcheck disable=SC2016 # awk's own
  edit etc/shadow "$shadow_mode" awk 'BEGIN { FS = OFS = ":"; user = ENVIRON["shadow_user"] }
    $1 == user { $2 = ENVIRON["shadow_field"]; done = 1 }
    { print }
    END { if (!done) print user, ENVIRON["shadow_field"], 19000, 0, 99999, 7, "", "", "" }'
  unset shadow_field
  rooted etc/shadow
  chown -h "$shadow_owner" "$at"
  # With "x" the hash is in shadow; an image without shadow had it here.
  # shellcheck disable=SC2016
  edit etc/passwd 644 awk -v user="$1" 'BEGIN { FS = OFS = ":" } $1 == user { $2 = "x" } { print }'
}

# field_of_user USER NUMBER: a field of its line in /etc/passwd
field_of_user() {
  read_file etc/passwd | awk -F: -v user="$1" -v n="$2" '$1 == user { print $n; exit }'
}

# add_user NAME: an ordinary user with a home of its own, its password locked; nothing when it is there already.
add_user() {
  read_file etc/passwd >/dev/null || die "cannot add the user '$1': the container has no /etc/passwd"
  if [ -n "$(field_of_user "$1" 3)" ]; then return 0; fi
  user_id=$({ read_file etc/passwd; read_file etc/group; } | awk -F: '$3 >= 1000 && $3 < 60000 { used[$3] } END { for (i = 1000; i in used; i++); print i }')
  user_shell=/bin/sh
  if has bin/bash || has usr/bin/bash; then user_shell=/bin/bash; fi
  add_line etc/passwd "$1:x:$user_id:$user_id::/home/$1:$user_shell"
  read_file etc/group >/dev/null || : | write 644 etc/group
  add_line etc/group "$1:x:$user_id:"
  if read_file etc/gshadow >/dev/null; then add_line etc/gshadow "$1:!::"; fi
  set_shadow "$1" '!'
  make_dir "home/$1" 700
  rooted etc/skel
  user_skel=$at
  rooted "home/$1/."
  # -P: a link stays a link; and none that is there already is written through.
  if [ -d "$user_skel" ] && [ ! -L "$user_skel" ]; then cp -R -P --remove-destination -- "$user_skel/." "$at/"; fi
  chown -R -h -P "$user_id:$user_id" "$at"
}

# add_line PATH LINE: to what is known to be a regular file.
add_line() {
  rooted "$1"
  printf '%s\n' "$2" >>"$at" || die "cannot write '$at'"
}

# authorize_key USER FILE: the public keys of FILE, and no others, may log in as USER.
authorize_key() {
  key_home=$(field_of_user "$1" 6)
  [ -n "$key_home" ] || die "cannot give '$1' an SSH key: the container has no such user"
  key_owner=$(field_of_user "$1" 3):$(field_of_user "$1" 4)
  make_dir "$key_home/.ssh" 700
  rooted "$key_home/.ssh/."
  chmod 700 "$at" && chown -h "$key_owner" "$at"
  write 600 "$key_home/.ssh/authorized_keys" <"$2"
  rooted "$key_home/.ssh/authorized_keys"
  chown -h "$key_owner" "$at"
}

# check_public_key FILE: a private key given by mistake must not end up in a container.
check_public_key() {
  [ -f "$1" ] || die "there is no SSH key file '$1'"
  if grep -q 'PRIVATE KEY' "$1"; then die "'$1' is a private key; give the public one (it usually ends in .pub)"; fi
  grep -qE '^([^#]* )?(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ AAAA' "$1" || die "'$1' holds no SSH public key"
}
