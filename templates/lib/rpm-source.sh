# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# The RPM family: keys, and the trees of packages of a mirror.
#
# layout, of the profile: lines "ID PATH [optional]", below the root of a mirror of this distribution, with $release and $arch
# in it. ID is a short name; where an installation medium has several trees, it is the name of the directory (BaseOS).

# find_keys: public keys, ASCII armoured, as $scratch/keys/RPM-GPG-KEY-*; with --no-gpg-check none. have_keys: no, given (by
# an option) or host (what this machine has of this distribution).
find_keys() {
  need_scratch
  mkdir -p "$scratch/keys"
  have_keys=no
  [ "$gpg_check" = yes ] || return 0
  key_number=0
  while IFS= read -r key_source; do
    [ -n "$key_source" ] || continue
    key_number=$((key_number + 1))
    take_key "$key_source" "$scratch/keys/RPM-GPG-KEY-tlxc-$distribution-$key_number"
    have_keys=given
  done <<KEYS
$gpg_keys
KEYS
  [ $have_keys = no ] || return 0
  for key_dir in /etc/pki/rpm-gpg "/usr/share/distribution-gpg-keys/$distribution"; do
    for key_name in $key_names; do
      if [ $have_keys = no ] && [ -f "$key_dir/$key_name" ]; then
        take_key "$key_dir/$key_name" "$scratch/keys/$key_name"
        have_keys=host
      fi
    done
  done
}

# take_key FILE|URL TARGET: rpm imports nothing but ASCII armour; a key ring in binary gets one.
take_key() {
  case $1 in
    *://*) fetch_small 16 "$1" "$2.in" ;;
    *)
      [ -f "$1" ] || die "there is no key file '$1'"
      cat -- "$1" >"$2.in" || die "cannot read the key file '$1'"
      ;;
  esac
  if LC_ALL=C grep -aq '^-----BEGIN PGP PUBLIC KEY BLOCK-----' "$2.in"; then
    mv -- "$2.in" "$2"
    return 0
  fi
  # RFC 4880, 4.2 and 4.3: a packet of tag 6, a public key, in the old and in the new form.
  case $(od -An -N1 -tx1 "$2.in" | tr -d ' ') in
    98 | 99 | 9a | c6) ;;
    *) die "'$1' holds no OpenPGP public key" ;;
  esac
  { printf '%s\n\n' '-----BEGIN PGP PUBLIC KEY BLOCK-----' && base64 "$2.in" && echo '-----END PGP PUBLIC KEY BLOCK-----'; } >"$2"
  rm -f -- "$2.in"
}

# check_keys: for a mirror there must be one; the files of --repo see to themselves (check_repo_file).
check_keys() {
  if [ "$gpg_check" = yes ] && [ "$have_keys" = no ] && { [ -n "$mirror" ] || [ -z "$repo_files" ]; }; then no_key "${mirror:-$default_mirror}"; fi
}

# no_key WHAT: dies with the ways to give one.
no_key() {
  die "there is no key to check the signatures of $1 with: give --gpg-key=FILE|URL ($title's own is $key_url), or install it as /etc/pki/rpm-gpg/${key_names%% *}; --no-gpg-check trusts whoever answers"
}

source_for_people() {
  if [ -n "$mirror" ]; then echo "$mirror"; elif [ -n "$repo_files" ]; then printf '%s' "$repo_files" | tr '\n' ' '; else echo "$default_mirror"; fi
}

# find_trees: asks the mirror what it has, at once: dnf would tell much later, and less. $scratch/trees gets a line
# "ID URL SIGNED" (SIGNED: 1 or 0) for each. Dies with the URL and the reason.
find_trees() {
  : >"$scratch/trees"
  : >"$scratch/trees.digests"
  # With --repo alone, the files say where packages are.
  if [ -z "$mirror" ] && [ -n "$repo_files" ]; then return 0; fi
  if [ -n "$mirror" ]; then
    trees_tried=''
    if add_tree "$distribution" "$mirror"; then return 0; fi
    if has_medium && add_layout "$mirror" medium; then return 0; fi
    if add_layout "$mirror" mirror; then return 0; fi
    die "cannot use the mirror $mirror: there is no $title $release for $arch; looked for$trees_tried"
  fi
  trees_tried=''
  add_layout "$default_mirror" mirror || die "cannot use the mirror $default_mirror: there is no $title $release for $arch; looked for$trees_tried"
}

# An installation medium of several trees has each in a directory of its own.
has_medium() {
  case $layout in BaseOS*) return 0 ;; *) return 1 ;; esac
}

# add_layout ROOT medium|mirror: every tree of the layout. 1: the first one is not there, so this is another kind of place.
add_layout() {
  layout_first=yes
  while read -r layout_id layout_path layout_optional; do
    case $2 in
      medium) layout_url=$1/$layout_id ;;
      *) layout_url=$1/$(printf '%s\n' "$layout_path" | sed -e "s/\$release/$release/g" -e "s/\$arch/$arch/g") ;;
    esac
    if ! add_tree "$layout_id" "$layout_url"; then
      if [ $layout_first = yes ]; then return 1; fi
      [ -n "$layout_optional" ] || die "cannot use the mirror $1: there is no $layout_url/repodata/repomd.xml ($fetch_reason)"
    fi
    layout_first=no
  done <<LAYOUT
$layout
LAYOUT
}

# add_tree ID URL: to $scratch/trees, if there is one. 1: the server says that there is none. Dies when it says nothing.
add_tree() {
  has_file "$2/repodata/repomd.xml" || { trees_tried="$trees_tried $2/repodata/repomd.xml"; return 1; }
  # A server that answers everything with a page of its own is no mirror.
  grep -q '<repomd' "$scratch/probe" || die "cannot use the mirror $2: its repodata/repomd.xml is no repository's metadata"
  # The index of the metadata names all of it by checksums.
  sha256sum <"$scratch/probe" >>"$scratch/trees.digests"
  tree_signed=0
  if [ "$metadata_check" = yes ]; then
    if has_file "$2/repodata/repomd.xml.asc"; then
      tree_signed=1
    else
      case $2 in
        # As some distributions do it: the server's certificate vouches for the metadata.
        https://* | file://*) ;;
        *) die "cannot check the metadata of $2: there is no repodata/repomd.xml.asc, and http proves nothing; give --no-metadata-check to go without (packages are checked all the same), or an https mirror" ;;
      esac
    fi
  fi
  printf '%s %s %s\n' "$1" "$2" "$tree_signed" >>"$scratch/trees"
}

# trees_digest: another one means that packages of the trees changed.
trees_digest() {
  sha256sum <"$scratch/trees.digests" | cut -c 1-16
}

# has_file URL: fetches it to $scratch/probe. 1: the server says that there is none.
has_file() {
  rm -f -- "$scratch/probe"
  fetch_most=16
  if try_fetch "$1" "$scratch/probe"; then fetch_most=''; return 0; fi
  fetch_most=''
  case $fetch_status in 403 | 404 | 410) return 1 ;; esac
  case $1:$fetch_reason in file://*"Couldn't open"*) return 1 ;; esac
  die "cannot use the mirror ${1%/repodata/*}: cannot download $1: $fetch_reason"
}
