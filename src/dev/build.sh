#!/bin/sh
# npm run build: the native helpers, the executable, and build/prefix, which looks like an installed PREFIX.
# What is fresh is left alone.
set -eu
cd "$(dirname -- "$0")/../.."
# shellcheck source=src/dev/files.sh
. src/dev/files.sh
prefix=$PWD/build/prefix
executable=$prefix/lib/tlxc/tlxc

build_native() {
  make -s -j2 -C native all
  mkdir -p build/stripped
  for helper in $(helpers); do
    # Each start and attach copies its helper into a sealed memfd: debug information stays in build/native.
    strip -o "build/stripped/$helper" "build/native/$helper"
    put "build/stripped/$helper" "$prefix/libexec/tlxc/$helper" 755
  done
}

build_executable() {
  if [ -x "$executable" ] && [ -z "$(find src package-lock.json -newer "$executable" -type f ! -path 'src/dev/*' | head -n 1)" ]; then
    return
  fi
  mkdir -p "$(dirname "$executable")" build/compile
  # --splitting: a program loads the byte code of its own command only. The new executable is whole before it has its name.
  # --min-chunk-size: each chunk costs. --no-compile-autoload-*: else it would read bunfig.toml and .env of whatever directory
  # it is called in, and run code that they name, as root.
  sh src/dev/bun.sh build src/main.ts --compile --bytecode --minify --format=esm --splitting --min-chunk-size=16384 \
    --no-compile-autoload-bunfig --no-compile-autoload-dotenv --outfile build/compile/tlxc >/dev/null
  mv -f build/compile/tlxc "$executable"
}

build_links() {
  mkdir -p "$prefix/bin" "$prefix/share/bash-completion/completions"
  ln -sfn ../lib/tlxc/tlxc "$prefix/bin/tlxc"
  sh src/dev/bun.sh src/dev/list-programs.ts | while read -r name target; do
    ln -sfn "$target" "$prefix/bin/tlxc-$name"
    ln -sfn tlxc "$prefix/share/bash-completion/completions/tlxc-$name"
  done
}

build_data() {
  mkdir -p "$prefix/lib/tlxc/rootfs" "$prefix/share/tlxc/templates" "$prefix/share/tlxc/config" "$prefix/share/tlxc/hooks"
  data_files | while read -r source target; do
    fill "$source" "$prefix/$target" "$(mode_of "$source")" "$prefix"
  done
}

build_native
build_executable
build_links
build_data
