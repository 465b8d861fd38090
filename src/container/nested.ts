/**
 * Containers in a container, as lxc-ls --nesting shows them: a running one is entered and its own tlxc-ls asked, so that inner ones
 * show their real state; otherwise its files tell what is defined. What comes from inside is a stranger's word: it is checked.
 */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { STATE_VALUES, type Status } from '../protocol/generated.ts'
import { attachEnvironment, attachRequest } from './attach-request.ts'
import type { Listed } from './listed.ts'
import { compareBytes, listNames, nameProblem, type Container } from './store.ts'
import { QuickConfigs } from './quick-config.ts'

export interface NestedOptions {
  /** How many to look into; > 0. */
  levels: number
  /** Gets a line when a running container could not be asked. */
  notice: (message: string) => void
}

/** For a tlxc-ls inside that does not answer. */
const TIMEOUT_MS = 5000
/** No inner tlxc: attach could not find it. */
const NOT_FOUND = 127

/** Sorted by name, each followed by the containers in it; `status` is that of the outer container. */
export async function listNested(host: Host, outer: Container, status: Status | null, options: NestedOptions): Promise<Listed[]> {
  // A process that joins a frozen cgroup would be frozen, too.
  const asked = status?.state === 'RUNNING' ? await askInside(host, outer, options) : null
  return asked ?? byPath(host, rootOf(host, outer.dir, status), outer.lxcpath, [outer.name], options.levels)
}

/** null when it has no tlxc, or none that answers. */
async function askInside(host: Host, outer: Container, { levels, notice }: NestedOptions): Promise<Listed[] | null> {
  const environment = { clear: true, keep: [], set: [] }
  const argv = ['tlxc-ls', '--json', '-P', outer.lxcpath, ...(levels > 1 ? [`--nesting=${String(levels - 1)}`] : [])]
  const request = attachRequest({ argv, remountSysProc: false, environment }, { name: outer.name, socket: `${outer.runDir}/command` })
  const env = attachEnvironment(environment, [], {})
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const { exitCode, stdout, stderr } = await unlessAborted(host.exec(`${host.paths.libexec}/attach`, [JSON.stringify(request)], { env, cwd: '/', signal }), signal)
    if (exitCode === 0) return parseListed(stdout, [outer.name])
    if (exitCode !== NOT_FOUND) notice(`cannot list the containers in ${outer.name}: ${oneLine(stderr)}`)
  } catch (error) {
    if (!(error instanceof TlxcError)) throw error
    notice(`cannot list the containers in ${outer.name}: its tlxc-ls does not answer`)
  }
  return null
}

/** Without waiting for a program inside that ignores SIGTERM and keeps the pipe. */
async function unlessAborted<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: () => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new TlxcError('TIMEOUT', 'it takes too long'))
    signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([running, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
    running.catch(() => undefined)
  }
}

/** Pure. Lines that are none of a tlxc-ls are left out. */
export function parseListed(text: string, parents: readonly string[]): Listed[] {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return []
  }
  const containers = fieldOf(document, 'containers')
  return Array.isArray(containers) ? containers.flatMap((entry) => listedOf(entry, parents)) : []
}

function listedOf(entry: unknown, around: readonly string[]): Listed[] {
  const name = fieldOf(entry, 'name')
  const state = STATE_VALUES.find((known) => known === fieldOf(entry, 'state'))
  const parents = words(entry, 'parents')
  if (typeof name !== 'string' || state === undefined || [name, ...parents].some((word) => nameProblem(word) !== null)) return []
  return [
    {
      name,
      parents: [...around, ...parents],
      state,
      pid: count(entry, 'pid'),
      ramBytes: count(entry, 'ram_bytes'),
      swapBytes: count(entry, 'swap_bytes'),
      config: { autostart: fieldOf(entry, 'autostart') === true, order: 0, delay: 0, groups: words(entry, 'groups'), unprivileged: fieldOf(entry, 'unprivileged') === true },
      interfaces: words(entry, 'interfaces'),
      ipv4: words(entry, 'ipv4'),
      ipv6: words(entry, 'ipv6'),
    },
  ]
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
}

/** Printable ones: a control character must not reach a terminal. */
function words(entry: unknown, key: string): string[] {
  const list = fieldOf(entry, key)
  return Array.isArray(list) ? list.filter((word): word is string => typeof word === 'string' && word.length <= 255 && !/[\s\p{Cc}\p{Cs}]/u.test(word)) : []
}

function count(entry: unknown, key: string): number | null {
  const value = fieldOf(entry, key)
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : null
}

function oneLine(text: string): string {
  return (text.trim().split('\n').at(-1) ?? '').replace(/\p{Cc}/gu, '?')
}

/** Where its files are: through its init while it runs, as only that sees its mounts. */
function rootOf(host: Host, dir: string, status: Status | null): string {
  return status && status.init_pid > 0 ? `${host.paths.proc}/${status.init_pid}/root` : `${dir}/rootfs`
}

/** By the files, under the same lxcpath inside (as lxc-ls). Nothing that is a link inside is followed: it would lead into the host. */
function byPath(host: Host, root: string, lxcpath: string, parents: readonly string[], levels: number): Listed[] {
  const dir = levels > 0 ? inside(host, root, lxcpath) : null
  if (dir === null) return []
  const configs = new QuickConfigs(host, { includes: false })
  return listNames(host, dir)
    .filter((name) => inside(host, dir, name) !== null && host.fs.lstatSync(`${dir}/${name}/config`).isFile())
    .sort(compareBytes)
    .flatMap((name) => {
      const config = configs.read(`${dir}/${name}/config`)
      const own: Listed = { name, parents, state: 'STOPPED', pid: null, ramBytes: null, swapBytes: null, config, interfaces: [], ipv4: [], ipv6: [] }
      return [own, ...byPath(host, `${dir}/${name}/rootfs`, lxcpath, [...parents, name], levels - 1)]
    })
}

function inside(host: Host, root: string, path: string): string | null {
  let at = root
  for (const part of path.split('/').filter((word) => word !== '')) {
    at = `${at}/${part}`
    try {
      if (!host.fs.lstatSync(at).isDirectory()) return null
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return null
    }
  }
  return at
}
