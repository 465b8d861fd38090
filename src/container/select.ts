/** Which containers a command is meant for: names, patterns with * and ?, all, those that run. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { containerStatus } from './state.ts'
import { containerAt, listNames, type Container } from './store.ts'

export interface Selection {
  names: readonly string[]
  all: boolean
  running: boolean
}

/** Sorted, each once. A name without * and ? need not exist: the command says so itself. Throws TlxcError NAME, NOT_DEFINED when a pattern matches nothing. */
export async function selectContainers(host: Host, lxcpath: string, { names, all, running }: Selection): Promise<Container[]> {
  const chosen = new Set<string>()
  const known = all || running || names.some(isPattern) ? listNames(host, lxcpath) : []
  for (const name of names) {
    const matches = isPattern(name) ? known.filter((one) => matcher(name).test(one)) : [name]
    if (matches.length === 0) throw new TlxcError('NOT_DEFINED', `cannot find a container for "${name}": none matches`, { hint: `tlxc-ls -P ${lxcpath} shows what there is` })
    matches.forEach((one) => chosen.add(one))
  }
  const containers = (all ? known : [...chosen]).map((name) => containerAt(host, lxcpath, name))
  if (!running) return containers
  const candidates = all || names.length > 0 ? containers : known.map((name) => containerAt(host, lxcpath, name))
  const states = await Promise.all(candidates.map((container) => containerStatus(host, container)))
  return candidates.filter((_, at) => states[at] !== null)
}

export function isPattern(name: string): boolean {
  return /[*?]/.test(name)
}

function matcher(pattern: string): RegExp {
  const text = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')
  return new RegExp(`^${text}$`, 's')
}
