/** Bash completion from the option tables; src/dev/generate.ts writes it to etc/completion/tlxc.bash. Pure. */
import type { Command, Option } from './command.ts'
import { allOptions } from './common-options.ts'

/** One script for `tlxc COMMAND` and for every `tlxc-COMMAND`. */
export function renderCompletion(commands: readonly Command[]): string {
  const names = commands.map((command) => command.name).sort()
  const sorted = [...commands].sort((a, b) => (a.name < b.name ? -1 : 1))
  return `# Generated from src/cli by npm run generate; edits here are lost.
# Completion of tlxc and the tlxc-* programs for bash.

# What the program $1 knows: options with and without value, and what stands where no option does.
__tlxc_table() {
  flags='' valued='' positional=''
  case $1 in
${sorted.map(tableRow).join('\n')}
  esac
}

# What completes the value of option $2 of program $1.
__tlxc_value() {
  case $1:$2 in
${sorted.flatMap(valueRows).join('\n')}
  esac
}

${HELPERS}
_tlxc() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local program=\${1##*/} first=1 flags valued positional i named=''
  COMPREPLY=()
  program=\${program#tlxc-}
  if [[ $program == tlxc ]]; then
    if ((COMP_CWORD == 1)) || [[ $COMP_CWORD == 2 && \${COMP_WORDS[1]} == help ]]; then
      mapfile -t COMPREPLY < <(compgen -W '${names.join(' ')} help version' -- "$current")
      return
    fi
    program=\${COMP_WORDS[1]}
    first=2
  fi
  __tlxc_table "$program"

  # --option=VALUE comes in three words, because = ends a word in COMP_WORDBREAKS.
  if [[ $current == '=' ]]; then current='' previous=\${COMP_WORDS[COMP_CWORD - 1]}; fi
  if [[ $previous == '=' ]]; then previous=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  if [[ " $valued " == *" $previous "* ]]; then
    __tlxc_offer "$(__tlxc_value "$program" "$previous")" "$current"
    return
  fi
  for ((i = first; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      --) compopt -o default; return ;;
      -n | --name) named=1 ;;
      -*) ;;
      *) [[ " $valued = " == *" \${COMP_WORDS[i - 1]} "* ]] || named=1 ;;
    esac
  done
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags $valued" -- "$current")
  elif [[ -z $named && -n $positional ]]; then
    __tlxc_offer "$positional" "$current"
  else
    compopt -o default
  fi
}

complete -F _tlxc tlxc ${names.map((name) => `tlxc-${name}`).join(' ')}
`
}

/** What does not depend on the programs. */
const HELPERS = `# Names of containers that begin with $1, below the -P of this command line if there is one; the rest goes to tlxc-ls.
# Not by compgen -W, which would expand what it finds in a name.
__tlxc_containers() {
  local i name path=() current=$1
  shift
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      -P | --lxcpath) path=(-P "\${COMP_WORDS[i + 1]}") ;;
      -P*) path=(-P "\${COMP_WORDS[i]#-P}") ;;
    esac
  done
  while read -r name; do
    [[ $name != "$current"* ]] || COMPREPLY+=("$name")
  done < <(tlxc-ls -1 "\${path[@]}" "$@" 2>/dev/null)
}

__tlxc_offer() {
  local IFS=$'\\n' kind=$1 current=$2
  case $kind in
    container) __tlxc_containers "$current" ;;
    active) __tlxc_containers "$current" --active ;;
    stopped) __tlxc_containers "$current" --stopped ;;
    file) mapfile -t COMPREPLY < <(compgen -f -- "$current") && compopt -o filenames ;;
    directory) mapfile -t COMPREPLY < <(compgen -d -- "$current") && compopt -o filenames ;;
    words:*)
      IFS=' '
      mapfile -t COMPREPLY < <(compgen -W "\${kind#words:}" -- "$current")
      ;;
  esac
}
`

/** Which containers make sense for a command that takes a name; '' for one that takes none. */
const FITTING: Readonly<Record<string, 'active' | 'stopped'>> = {
  attach: 'active',
  cgroup: 'active',
  console: 'active',
  freeze: 'active',
  stop: 'active',
  unfreeze: 'active',
  start: 'stopped',
}

function fitting(command: Command): string {
  if (command.words) return `words:${command.words.join(' ')}`
  if (command.name === 'create' || command.name === 'execute' || (command.nameMode ?? 'required') !== 'required') return ''
  return FITTING[command.name] ?? 'container'
}

function tableRow(command: Command): string {
  const options = Object.entries(allOptions(command)).filter(([, option]) => !option.hidden)
  const words = (wanted: (option: Option) => boolean): string =>
    options.filter(([, option]) => wanted(option)).flatMap(([key, option]) => spellings(key, option)).join(' ')
  const flags = words((option) => option.value !== 'required')
  const valued = words((option) => option.value === 'required')
  return `    ${command.name}) flags='${flags}' valued='${valued}' positional='${fitting(command)}' ;;`
}

function valueRows(command: Command): string[] {
  return Object.entries(allOptions(command)).flatMap(([key, option]) => {
    if (option.hidden || option.value !== 'required' || option.complete === undefined) return []
    const kind = typeof option.complete === 'string' ? option.complete : `words:${option.complete.join(' ')}`
    const offered = kind === 'container' && key === 'name' ? fitting(command) || 'container' : kind
    const pattern = spellings(key, option).map((word) => `${command.name}:${word}`).join(' | ')
    return [`    ${pattern}) echo '${offered}' ;;`]
  })
}

function spellings(key: string, option: Option): string[] {
  return option.short === undefined ? [`--${key}`] : [`-${option.short}`, `--${key}`]
}
