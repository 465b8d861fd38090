# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# The RPM family: files of repositories, those that people give and those that the container gets. In them keys are where the
# container has them, /etc/pki/rpm-gpg; dnf of this machine gets a copy with this machine's paths (see host_repo_files).

# find_repo_files: what --repo names as $scratch/repos/NAME.repo, with signatures to be checked. Dies when it switches that off.
find_repo_files() {
  mkdir -p "$scratch/repos"
  while IFS= read -r repo_source; do
    [ -n "$repo_source" ] || continue
    repo_name=${repo_source##*/} repo_name=$(printf '%s' "${repo_name%.repo}" | tr -c 'a-zA-Z0-9._-' _)
    case $repo_name in '' | .* | tlxc) die "'$repo_source' is no name of a .repo file" ;; esac
    repo_file=$scratch/repos/$repo_name.repo
    [ ! -e "$repo_file" ] || die "there are two .repo files of the name '$repo_name.repo'"
    case $repo_source in
      *://*) fetch_small 16 "$repo_source" "$scratch/repo.in" ;;
      *)
        [ -f "$repo_source" ] || die "there is no .repo file '$repo_source'"
        cat -- "$repo_source" >"$scratch/repo.in" || die "cannot read '$repo_source'"
        ;;
    esac
    grep -q '^\[..*\]' "$scratch/repo.in" || die "'$repo_source' is no .repo file: it has no [section]"
    if [ "$gpg_check" = yes ]; then check_repo_file "$repo_source" "$scratch/repo.in"; fi
    rewrite_repo_file <"$scratch/repo.in" >"$repo_file"
  done <<REPOS
$repo_files
REPOS
}

# check_repo_file SOURCE FILE: dies when it switches checks off, or has no key that proves anything.
check_repo_file() {
  if grep -qiE '^[[:space:]]*(pkg_)?gpgcheck[[:space:]]*=[[:space:]]*(0|no|false|off)' "$2"; then
    die "the file '$1' switches the check of packages off (gpgcheck); remove that, or give --no-gpg-check, too"
  fi
  # Keys that are given by an option stand in for all that the file names.
  [ "$have_keys" != given ] || return 0
  case $1 in
    http://* | ftp://*) die "the file '$1' came over a connection that proves nothing, and so would its keys: give --gpg-key" ;;
  esac
  if awk '/^\[/ { if (n && !k) bad = 1; n++; k = 0 } /^[ \t]*gpgkey[ \t]*=/ { k = 1 } END { exit !(bad || (n && !k)) }' "$2" && [ "$have_keys" = no ]; then
    no_key "'$1'"
  fi
  if sed -n '/^[ \t]*gpgkey[ \t]*=/,/^[^ \t]/p' "$2" | grep -qE '(http|ftp)://'; then
    die "the file '$1' takes a key over a connection that proves nothing: give --gpg-key"
  fi
}

# rewrite_repo_file < FILE: the checks that were asked for, in each section. What a section says of its metadata stays.
rewrite_repo_file() {
  awk -v check="$([ "$gpg_check" = yes ] && echo 1 || echo 0)" -v metadata="$([ "$metadata_check" = yes ] && echo 1 || echo 0)" \
    -v keys="$(key_urls)" -v given="$have_keys" '
    function finish() {
      if (!section) return
      print "gpgcheck=" check
      if (!metadata || !said) print "repo_gpgcheck=" metadata
      if (keys != "" && (given == "given" || !keyed)) print "gpgkey=" keys
    }
    /^[ \t]*$/ { next }
    /^\[/ { finish(); if (section) print ""; section = 1; said = keyed = skip = 0; print; next }
    skip && /^[ \t]/ { next }
    { skip = 0 }
    /^[ \t]*(pkg_)?gpgcheck[ \t]*=/ { next }
    /^[ \t]*repo_gpgcheck[ \t]*=/ { if (!metadata) next; said = 1 }
    /^[ \t]*gpgkey[ \t]*=/ { keyed = 1; if (given == "given" || !check) { skip = 1; next } }
    { print }
    END { finish() }'
}

# key_urls: of all keys, as the container has them; separated by spaces.
key_urls() {
  for key_url_file in "$scratch"/keys/*; do
    if [ -f "$key_url_file" ]; then printf 'file:///etc/pki/rpm-gpg/%s ' "${key_url_file##*/}"; fi
  done | sed 's/ $//'
}

# tree_sections: the trees of the mirror as sections of a .repo file
tree_sections() {
  while read -r section_id section_url section_signed; do
    "$tlxc_program" __render "$template_dir/files/rpm-repo.hbs" "id=$section_id" "title=$title $release - $section_id" "url=$section_url/" \
      "check=$([ "$gpg_check" = yes ] && echo 1 || echo 0)" "metadata=$section_signed" "keys=$(key_urls)" "zypper=$(case $installers in zypper) echo yes ;; esac)" || return 1
  done <"$scratch/trees"
}

# host_repo_files DIR: all of them for dnf of this machine
host_repo_files() {
  tree_sections >"$scratch/tlxc.repo" || die 'cannot render the repositories'
  if [ -s "$scratch/tlxc.repo" ]; then cp -- "$scratch/tlxc.repo" "$scratch/repos/tlxc.repo"; fi
  for host_repo in "$scratch"/repos/*.repo; do
    [ -f "$host_repo" ] || continue
    host_key_paths <"$host_repo" >"$1/${host_repo##*/}"
  done
}

# Ours are in $scratch; a key that somebody's file names may be this machine's.
host_key_paths() {
  if [ "$have_keys" = no ]; then cat; return 0; fi
  for host_key in "$scratch"/keys/*; do printf 's#file:///etc/pki/rpm-gpg/%s\\([ \t]\\|$\\)#file://%s\\1#g\n' "${host_key##*/}" "$host_key"; done >"$scratch/keys.sed"
  sed -f "$scratch/keys.sed"
}

# write_repo_files: the container's yum, dnf or zypper asks whom we asked. The distribution's own repositories stay as they are when it
# was the distribution's own server, and lives; otherwise they are switched off: a site without the internet would wait for them.
write_repo_files() {
  for write_key in "$scratch"/keys/*; do
    if [ -f "$write_key" ]; then write 644 "etc/pki/rpm-gpg/${write_key##*/}" <"$write_key"; fi
  done
  rooted "$repo_dir/."
  own_repo_dir=$at
  if [ -z "$mirror$repo_files" ] && [ "${own_repos:-live}" = live ] && grep -qsE '^\[' "$own_repo_dir"/*.repo; then return 0; fi
  for own_repo in "$own_repo_dir"/*.repo; do
    if [ -f "$own_repo" ] && [ ! -L "$own_repo" ]; then edit "$repo_dir/${own_repo##*/}" 644 switch_off; fi
  done
  for write_repo in "$scratch"/repos/*.repo; do
    if [ -f "$write_repo" ]; then write 644 "$repo_dir/${write_repo##*/}" <"$write_repo"; fi
  done
}

# Not removed: an update of the distribution's release package would bring them back, switched on.
switch_off() {
  awk '/^[ \t]*enabled[ \t]*=/ { next } { print } /^\[/ { print "enabled=0" }'
}
