/** What create reads before it makes anything: the configuration to begin with, and where ids may come from. */
import { ConfigDocument } from '../config/document.ts'
import { loadConfig } from '../config/load.ts'
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { IdPool } from './idrange.ts'
import { readSystemConfig } from './system-config.ts'
import { configReader } from './store.ts'

/** The text of -f FILE, else of the default configuration, else one veth on the managed bridge. Throws TlxcError CONFIG, IO. */
export function readBaseConfig(host: Host, file: string | undefined): string {
  const system = readSystemConfig(host)
  const path = file ?? system.defaultConfig ?? `${host.paths.sysconf}/default.conf`
  const text = readText(host, path)
  if (text === null && file === undefined && system.defaultConfig === undefined) return managedVeth(system.network.bridge)
  if (text === null) throw new TlxcError('CONFIG', `cannot read "${path}": there is no such file`, { hint: 'name an existing file with -f, or correct lxc.default_config in tlxc.conf' })
  checkConfig(host, text, path)
  return file === undefined ? linkToBridge(text, system.network.bridge) : text
}

function checkConfig(host: Host, text: string, path: string): void {
  const loaded = loadConfig(text, path, configReader(host))
  const error = loaded.diagnostics.find((diagnostic) => diagnostic.severity === 'error')
  if (!error) return
  const { where, key, reason, hint } = error
  throw new TlxcError('CONFIG', `cannot load "${path}": ${where.file}:${where.line}: ${key}: ${reason}`, { hint: hint ?? 'correct that line' })
}

/** Where the container's own range comes from; null: it gets none, being privileged or having one from the file. */
export function idMapPool(host: Host, base: string, privileged: boolean): IdPool | null {
  const given = loadConfig(base, 'configuration', configReader(host)).value.idmap.length > 0
  if (given && privileged) {
    throw new TlxcError('CONFIG', 'cannot create a privileged container: the configuration has lxc.idmap', {
      hint: 'remove lxc.idmap from the configuration, or leave --privileged out',
    })
  }
  if (given || privileged) return null
  const { idmap } = readSystemConfig(host)
  if (idmap) return { uid: [idmap], gid: [idmap] }
  const { subuid, subgid } = host.facts()
  return { uid: subuid, gid: subgid }
}

function readText(host: Host, path: string): string | null {
  try {
    return host.fs.readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw new TlxcError('IO', `cannot read "${path}": ${errnoOf(error) ?? 'it failed'}`, { cause: error, hint: 'name a readable file with -f' })
  }
}

/** A veth of the default configuration that names no bridge gets the managed one: its name is set in one place. */
function linkToBridge(text: string, bridge: string): string {
  const document = ConfigDocument.parse(text)
  for (const { index, key, value } of document.pairs().reverse()) {
    const net = /^(lxc\.net\.\d+)\.type$/.exec(key)?.[1]
    if (net === undefined || value !== 'veth') continue
    if (document.values(`${net}.link`).length > 0 || document.values(`${net}.veth.mode`).length > 0) continue
    document.insert(index + 1, [`${net}.link = ${bridge}`])
  }
  return document.toString()
}

function managedVeth(bridge: string): string {
  return `lxc.net.0.type = veth\nlxc.net.0.link = ${bridge}\nlxc.net.0.flags = up\nlxc.net.0.hwaddr = 10:66:6a:xx:xx:xx\n`
}
