/**
 * container/: the aggregate, split by verb (state, start, stop, create, …); it brings config, storage, network and monitor together.
 * It never prints, parses no options and touches the machine only through Host. This file: where containers are on disk.
 */
import type { ConfigReader } from '../config/types.ts'
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { runDir } from '../host/paths.ts'
import { LIMITS } from '../protocol/generated.ts'

export interface Container {
  readonly name: string
  readonly lxcpath: string
  /** LXCPATH/NAME */
  readonly dir: string
  /** LXCPATH/NAME/config */
  readonly configFile: string
  /** /run/tlxc/HASH/NAME, see src/protocol/README.md */
  readonly runDir: string
}

/** Throws TlxcError NAME when it cannot be a container's name; nothing is read. */
export function containerAt(host: Host, lxcpath: string, name: string): Container {
  const reason = nameProblem(name)
  if (reason) {
    throw new TlxcError('NAME', `cannot use "${printable(name)}" as a container name: ${reason}`, {
      hint: `a name has 1 to ${LIMITS.maxName} bytes, no "/", blank or control character, and does not begin with "-" or "."`,
    })
  }
  const dir = `${lxcpath === '/' ? '' : lxcpath}/${name}`
  return { name, lxcpath, dir, configFile: `${dir}/config`, runDir: runDir(host.paths, lxcpath, name) }
}

/** What nearly every name is: a list asks for each of hundreds, and a regular expression by Unicode properties is slow before it is compiled. */
const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/

/** Why `name` is no container name, or null. */
export function nameProblem(name: string): string | null {
  if (name.length <= LIMITS.maxName && PLAIN.test(name)) return null
  if (name === '') return 'it is empty'
  if (Buffer.byteLength(name) > LIMITS.maxName) return `it is longer than ${LIMITS.maxName} bytes`
  if (name.includes('/')) return 'it contains "/"'
  if (name.startsWith('.')) return 'it begins with "."'
  if (name.startsWith('-')) return 'it begins with "-"'
  if (/[\s\p{Cc}]/u.test(name)) return 'it contains a blank or control character'
  if (/[\p{Cs}\uFFFD]/u.test(name)) return 'it is not valid UTF-8'
  return null
}

/** A directory with a file `config` in it, and not just being made; a file that may not be read counts. */
export function isDefined(host: Host, container: Container): boolean {
  return hasConfig(host, container.dir)
}

/** Containers under lxcpath, sorted by bytes; [] when there is no such directory. Throws TlxcError PERMISSION when it cannot be read. */
export function listNames(host: Host, lxcpath: string): string[] {
  return readNames(host, lxcpath)
    .filter((name) => nameProblem(name) === null && hasConfig(host, `${lxcpath}/${name}`))
    .sort(compareBytes)
}

const SURROGATE = /[\uD800-\uDFFF]/

/** Order of strcmp(3), as lxc-ls sorts. */
export function compareBytes(a: string, b: string): number {
  // UTF-16 sorts as UTF-8 does but for surrogates; lists sort hundreds of names that have none.
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a === b ? 0 : a < b ? -1 : 1
}

/** Reads includes for loadConfig. */
export function configReader(host: Host): ConfigReader {
  return {
    read: (path) => orNull(() => host.fs.readFileSync(path, 'utf8'), ['ENOENT', 'ENOTDIR', 'EISDIR']),
    list: (path) =>
      orNull(
        () =>
          host.fs
            .readdirSync(path)
            .filter((name) => name.endsWith('.conf'))
            .sort(compareBytes),
        ['ENOENT', 'ENOTDIR'],
      ),
  }
}

/** The text of a container's configuration. Throws TlxcError NOT_DEFINED or PERMISSION. */
export function readConfigText(host: Host, container: Container, file = container.configFile): string {
  try {
    return host.fs.readFileSync(file, 'utf8')
  } catch (error) {
    const errno = errnoOf(error)
    if ((errno === 'ENOENT' || errno === 'ENOTDIR') && file !== container.configFile) {
      throw new TlxcError('CONFIG', `cannot load "${file}": there is no such file`, { cause: error, hint: 'name another with --rcfile' })
    }
    if (errno === 'ENOENT' || errno === 'ENOTDIR') {
      throw new TlxcError('NOT_DEFINED', `cannot load "${container.name}": there is no "${file}"`, {
        cause: error,
        hint: `tlxc-ls shows the containers under ${container.lxcpath}; tlxc-create makes one`,
      })
    }
    throw new TlxcError(errno === 'EACCES' ? 'PERMISSION' : 'IO', `cannot read "${file}": ${errno ?? 'it failed'}`, {
      cause: error,
      hint: errno === 'EACCES' ? 'run it as root or as the owner of the container' : 'see the cause with --logpriority=DEBUG',
    })
  }
}

function hasConfig(host: Host, dir: string): boolean {
  return host.fs.existsSync(`${dir}/config`) && !host.fs.existsSync(`${dir}/partial`)
}

function readNames(host: Host, lxcpath: string): string[] {
  try {
    return host.fs.readdirSync(lxcpath)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return []
    throw new TlxcError(errnoOf(error) === 'EACCES' ? 'PERMISSION' : 'IO', `cannot list "${lxcpath}": ${errnoOf(error) ?? 'it failed'}`, {
      cause: error,
      hint: 'run it as root, or name another directory with -P',
    })
  }
}

function orNull<T>(read: () => T, missing: readonly string[]): T | null {
  try {
    return read()
  } catch (error) {
    if (missing.includes(errnoOf(error) ?? '')) return null
    throw error
  }
}

function printable(name: string): string {
  return name.replace(/\p{Cc}/gu, '?')
}
