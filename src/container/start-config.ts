/** The configuration that a start uses: the container's own or another file, with what was given on the command line over it. */
import { loadConfig } from '../config/load.ts'
import type { ContainerConfig, LoadedConfig } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { StartOptions } from './start-options.ts'
import { configReader, isDefined, readConfigText, type Container } from './store.ts'

const DEFINED = '--define'

export interface StartConfig {
  config: ContainerConfig
  file: string
  /** About the configuration, one line each. */
  warnings: readonly string[]
}

/** Throws TlxcError NOT_DEFINED, PERMISSION, CONFIG (with file and line, or --define). */
export function loadStartConfig(host: Host, container: Container, options: Pick<StartOptions, 'rcfile' | 'defines'>): StartConfig {
  const file = options.rcfile ?? container.configFile
  if (options.rcfile === undefined && !isDefined(host, container)) throw undefinedContainer(container)
  const text = readConfigText(host, container, file)
  const lines = text.split('\n').length
  const whole = [text, ...options.defines.map(definition)].join('\n')
  const loaded = loadConfig(whole, file, configReader(host))
  const place = placeOf(file, lines)
  refuseErrors(container, loaded, place)
  const warnings = loaded.diagnostics.map(({ where, key, reason, hint }) => `${place(where)}: ${key}: ${reason}${hint === undefined ? '' : ` (${hint})`}`)
  return { config: loaded.value, file, warnings }
}

function undefinedContainer(container: Container): TlxcError {
  return new TlxcError('NOT_DEFINED', `cannot start "${container.name}": there is no such container under ${container.lxcpath}`, {
    hint: `create it: tlxc-create -n ${container.name} -t busybox; or give a configuration: -f FILE`,
  })
}

/** As lxc-start -s: KEY=VAL, split at the first "=". */
function definition(define: string): string {
  const equals = define.indexOf('=')
  if (equals > 0 && !define.includes('\n')) return `${define.slice(0, equals).trim()} = ${define.slice(equals + 1).trim()}`
  throw new TlxcError('USAGE', `cannot use --define "${define}": expected KEY=VALUE`, { hint: 'for example -s lxc.uts.name=web' })
}

type Place = (where: { file: string; line: number }) => string

function placeOf(file: string, lines: number): Place {
  return (where) => (where.file === file && where.line > lines ? DEFINED : `${where.file}:${where.line}`)
}

function refuseErrors(container: Container, loaded: LoadedConfig, place: Place): void {
  const errors = loaded.diagnostics.filter((diagnostic) => diagnostic.severity === 'error')
  const [first] = errors
  if (first === undefined) return
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  throw new TlxcError('CONFIG', `cannot load the configuration: ${place(first.where)}: ${first.key}: ${first.reason}${more}`, {
    hint: first.hint ?? `tlxc-checkconfig ${container.name} lists every problem of it`,
  })
}
