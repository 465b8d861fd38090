#!/bin/sh
# `npm run lint`: everything that reads the code without running it. Each step says its name; all run, then it fails if one did.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root" || exit 1
sh src/dev/setup.sh build || exit 1
failed=''

step() {
  name=$1
  shift
  echo "lint: $name"
  "$@" || failed="$failed $name"
}

shell_scripts() {
  git ls-files | while read -r file; do
    case "$file" in
      *.sh) echo "$file" ;;
      *.ts | *.c | *.h | *.md | *.json) ;;
      *) head -c 32 "$file" 2>/dev/null | head -n 1 | grep -qE '^#!.*/(ba)?sh( |$)' && echo "$file" ;;
    esac
  done
}

check_shell() {
  # shellcheck disable=SC2046
  shellcheck -x $(shell_scripts)
}

# Long lists age badly: file names in the repository must not tell where it was written, or from where it installs.
check_traces() {
  ! git grep -nIE '/work/(main|wt|shared)|registry\.npmjs|deb\.debian\.org|lxc\.org/images' -- . ':!src/dev/lint.sh'
}

step types npx tsc -p .
step eslint npx eslint --max-warnings 0 .
step shellcheck check_shell
step generated sh src/dev/bun.sh src/dev/generate.ts --check
step traces check_traces
[ -z "$failed" ] || {
  echo "lint: failed:$failed" >&2
  exit 1
}
