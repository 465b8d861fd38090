# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# Checksums and signatures. Nothing here trusts a key that nobody gave.

# has_digest FILE ALGORITHM HEX: ALGORITHM is sha1, sha256 or sha512.
has_digest() {
  case $2 in sha1 | sha256 | sha512) ;; *) die "'$2' is no checksum that this template knows" ;; esac
  digest=$("${2}sum" <"$1") || die "cannot read '$1'"
  [ "${digest%% *}" = "$(printf '%s' "$3" | tr 'A-F' 'a-f')" ]
}

# verify_digest FILE ALGORITHM HEX WHAT: dies unless it is. WHAT (a URL) is named.
verify_digest() {
  has_digest "$1" "$2" "$3" || die "cannot use $4: its $2 checksum is not $3"
}

# keyring FILE|URL: sets keyring_file to keys as gpgv reads them: ASCII armour is taken off.
keyring() {
  need_scratch
  case $1 in
    *://*)
      fetch_small 16 "$1" "$scratch/keyring.in"
      keyring_source=$scratch/keyring.in
      ;;
    *)
      [ -f "$1" ] || die "there is no keyring '$1'"
      keyring_source=$1
      ;;
  esac
  keyring_file=$(mktemp "$scratch/keyring.XXXXXX")
  if LC_ALL=C grep -aq '^-----BEGIN PGP PUBLIC KEY BLOCK-----' "$keyring_source"; then
    dearmour <"$keyring_source" >"$keyring_file" || die "cannot read the keyring '$1': its ASCII armour is broken"
  else
    cat <"$keyring_source" >"$keyring_file"
  fi
  [ -s "$keyring_file" ] || die "the keyring '$1' is empty"
}

# dearmour < ARMOURED: each block by itself, since base64 ends with its padding.
dearmour() {
  awk '
    /^-----BEGIN PGP/ { head = 1; text = ""; next }
    /^-----END PGP/ { print text; head = body = 0; next }
    head && /^[ \t\r]*$/ { head = 0; body = 1; next }
    body && /^=/ { next }
    body { sub(/\r$/, ""); text = text $0 }' | while read -r dearmour_block; do
    printf '%s' "$dearmour_block" | base64 -d || exit 1
  done
}

# verify_signature KEYRING SIGNATURE FILE WHAT: a detached OpenPGP signature of FILE by a key of KEYRING (see keyring). Dies.
verify_signature() {
  require gpgv gpgv
  need_scratch
  verify_sig=$2
  if LC_ALL=C grep -aq '^-----BEGIN PGP SIGNATURE-----' "$2"; then
    verify_sig=$scratch/signature
    dearmour <"$2" >"$verify_sig" || die "cannot use $4: its signature is broken"
  fi
  if gpgv --quiet --keyring "$1" "$verify_sig" "$3" 2>"$scratch/gpgv.log"; then return 0; fi
  verify_reason=$(sed -n 's/^gpgv: //p' "$scratch/gpgv.log" | grep -iE "bad|can't|no public key|expired|revoked" | tail -n 1)
  die "cannot use $4: its signature does not verify: ${verify_reason:-gpgv refuses it}"
}
