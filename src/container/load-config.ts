/** Loads a container's configuration. Apart from store.ts: the hot commands find containers, and must not load the schema for that. */
import { basename, dirname } from 'node:path'
import { loadConfig } from '../config/load.ts'
import type { LoadedConfig } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { realPath } from '../host/real-path.ts'
import { configReader, readConfigText, type Container } from './store.ts'

/**
 * The configuration with its includes; rcfile replaces the container's own file.
 * Throws TlxcError NOT_DEFINED (no file), PERMISSION, CONFIG (some line is an error; the message has file:line).
 */
export function loadContainerConfig(host: Host, container: Container, rcfile?: string): LoadedConfig {
  const file = rcfile ?? container.configFile
  return atHome(host, container, refuseErrors(container, file, loadConfig(readConfigText(host, container, file), file, configReader(host))))
}

/** An lxcpath that was moved, with a link left in its place: the configuration names the container's own directory by the link. */
function atHome(host: Host, { dir }: Container, loaded: LoadedConfig): LoadedConfig {
  const { rootfs } = loaded.value
  if (rootfs === undefined || rootfs.path.startsWith(`${dir}/`) || otherNameOf(host, dir, rootfs.path) === null) return loaded
  return { ...loaded, value: { ...loaded.value, rootfs: { ...rootfs, path: `${dir}/${basename(rootfs.path)}` } } }
}

/** The directory of `path`, when that is another name of `dir`. */
export function otherNameOf(host: Host, dir: string, path: string): string | null {
  const parent = dirname(path)
  return parent !== dir && path.startsWith('/') && realPath(host.fs, parent) === dir ? parent : null
}

function refuseErrors(container: Container, file: string, loaded: LoadedConfig): LoadedConfig {
  const errors = loaded.diagnostics.filter((diagnostic) => diagnostic.severity === 'error')
  const first = errors[0]
  if (!first) return loaded
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  throw new TlxcError('CONFIG', `cannot load "${file}": ${first.where.file}:${first.where.line}: ${first.key}: ${first.reason}${more}`, {
    hint: first.hint ?? `tlxc-checkconfig ${container.name} lists every problem of it`,
  })
}
