# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# Alpine's package format, as far as it takes to get Alpine's own apk onto a host that has none, and to trust it: an index or a
# package is a row of gzip members, a tar in each: the signature (of the raw bytes of the next member), [the control part,] the data.

# split_apk FILE: the raw members as FILE.1, FILE.2, ... A member begins with gzip's magic number, but that may be within one, too:
# what stands before a true beginning is a whole gzip.
split_apk() {
  split_from=0 split_count=0
  split_size=$(stat -c %s "$1")
  for split_at in $(LC_ALL=C grep -aboF "$(printf '\037\213\010')" "$1" | cut -d: -f1) "$split_size"; do
    [ "$split_at" -gt "$split_from" ] || continue
    tail -c "+$((split_from + 1))" "$1" | head -c $((split_at - split_from)) >"$1.part"
    gzip -t <"$1.part" 2>/dev/null || continue
    split_count=$((split_count + 1)) split_from=$split_at
    mv -- "$1.part" "$1.$split_count"
  done
  rm -f -- "$1.part"
  [ "$split_from" = "$split_size" ] && [ "$split_count" -ge 2 ]
}

# verify_apk FILE URL KEYS: FILE.1 signs FILE.2 by a key of the directory KEYS. Dies.
verify_apk() {
  require openssl openssl
  split_apk "$1" || die "cannot use $2: it is no signed index or package of Alpine"
  for apk_key in "$3"/*.rsa.pub; do
    for apk_kind in RSA:sha1 RSA256:sha256; do
      apk_member=.SIGN.${apk_kind%%:*}.${apk_key##*/}
      # Nobody vouches for it yet: a few bytes may unpack to a disk full.
      tar -xzOf "$1.1" "$apk_member" 2>/dev/null | head -c 65536 >"$1.signature"
      [ -s "$1.signature" ] || continue
      if openssl dgst "-${apk_kind##*:}" -verify "$apk_key" -signature "$1.signature" "$1.2" >/dev/null 2>&1; then return 0; fi
      die "cannot use $2: its signature does not verify: it is not by the key ${apk_key##*/}, or it was changed"
    done
  done
  die "cannot use $2: none of the keys in '$3' made its signature ($(tar -tzf "$1.1" 2>/dev/null | tr '\n' ' '))"
}

# fetch_package REPOSITORY-URL NAME KEYS: the package's data, verified, as $scratch/NAME.apk.3 (a tar.gz)
fetch_package() {
  apk_version=$(awk -F: -v name="$2" '$1 == "P" { p = $2 } $1 == "V" { v = $2 } /^$/ { if (p == name) { print v; exit } p = "" } END { if (p == name) print v }' "$scratch/APKINDEX" | head -n 1)
  [ -n "$apk_version" ] || die "cannot use $1: it has no package $2"
  apk_url=$1/$2-$apk_version.apk apk_file=$scratch/$2.apk
  fetch "$apk_url" "$apk_file"
  verify_apk "$apk_file" "$apk_url" "$3"
  [ -f "$apk_file.3" ] || die "cannot use $apk_url: it has no files"
  # The signature is of the control part; that names the checksum of the data.
  apk_sum=$(tar -xzOf "$apk_file.2" .PKGINFO | sed -n 's/^datahash = //p')
  verify_digest "$apk_file.3" sha256 "$apk_sum" "$apk_url"
}

# fetch_index REPOSITORY-URL KEYS: $scratch/APKINDEX, verified
fetch_index() {
  fetch_small 64 "$1/APKINDEX.tar.gz" "$scratch/index"
  verify_apk "$scratch/index" "$1/APKINDEX.tar.gz" "$2"
  tar -xzOf "$scratch/index.2" APKINDEX >"$scratch/APKINDEX" || die "cannot use $1/APKINDEX.tar.gz: there is no index in it"
}
