# shellcheck shell=sh
# Sourced by build.sh and install-system.sh: putting files in place.

# put SOURCE TARGET MODE: by rename, so that a running program keeps the file that it runs; nothing when it is the same.
put() {
  if [ -f "$2" ] && cmp -s "$1" "$2" && [ "$(stat -c %a "$2")" = "$3" ]; then return 0; fi
  mkdir -p "$(dirname -- "$2")"
  cp -- "$1" "$2.tmp.$$"
  chmod "$3" "$2.tmp.$$"
  mv -f -- "$2.tmp.$$" "$2"
}

# fill SOURCE TARGET MODE PREFIX: like put, with the installed paths written into the text.
fill() {
  filled=$(mktemp)
  sed -e "s|@CONFIG_DIR@|$4/share/tlxc/config|g" -e "s|@PREFIX@|$4|g" "$1" >"$filled"
  put "$filled" "$2" "$3"
  rm -f "$filled"
}

# mode_of FILE: 755 for a program, 644 for the rest
mode_of() {
  if [ -x "$1" ]; then echo 755; else echo 644; fi
}

# helpers: the native programs that are installed, one for each native/cmd/NAME.c
helpers() {
  for source in native/cmd/*.c; do basename "$source" .c; done
}

# data_files: "SOURCE TARGET-BELOW-PREFIX" of everything that is text: templates, configuration includes, hooks, examples, pages, completion.
data_files() {
  find templates -type f 2>/dev/null | while read -r file; do echo "$file share/tlxc/$file"; done
  find etc/config -type f 2>/dev/null | while read -r file; do echo "$file share/tlxc/${file#etc/}"; done
  find etc/hooks -type f 2>/dev/null | while read -r file; do echo "$file share/tlxc/${file#etc/}"; done
  find etc/examples -type f 2>/dev/null | while read -r file; do echo "$file share/doc/tlxc/${file#etc/}"; done
  find src/render/schemas -type f 2>/dev/null | while read -r file; do echo "$file share/tlxc/${file#src/render/}"; done
  find man -type f -name '*.[1-8]' 2>/dev/null | while read -r file; do echo "$file share/man/man${file##*.}/${file##*/}"; done
  [ ! -f etc/completion/tlxc.bash ] || echo "etc/completion/tlxc.bash share/bash-completion/completions/tlxc"
}
