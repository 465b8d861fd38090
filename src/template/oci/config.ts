/** How an OCI image wants to be run → lines of a container's configuration. Pure. */
import { commandLine } from '../../config/codecs/text.ts'
import { ConfigDocument } from '../../config/document.ts'
import type { RunConfig } from './types.ts'
import type { Ids } from './user.ts'

export interface OciConfigInput {
  readonly run: RunConfig
  readonly ids: Ids
  /** Name of the container. */
  readonly name: string
  readonly arch: string
  /** What people asked for, and the digest of what they got. */
  readonly image: string
  readonly digest: string
  /** Directory of the installed includes. */
  readonly includes: string
}

/** What cannot be said in a configuration, for a warning, and the lines. */
export function ociConfig(input: OciConfigInput): { lines: readonly string[]; dropped: readonly string[] } {
  const { run, ids } = input
  const document = ConfigDocument.parse('')
  const dropped: string[] = []
  const put = (key: string, value: string): void => {
    // Nothing that has a line break can be written, and nothing else of the image must become a line of its own.
    if (/[\n\r\0]/.test(value)) dropped.push(`${key}: it has a line break`)
    else document.append(key, value)
  }
  put('lxc.include', `${input.includes}/oci.common.conf`)
  document.insert(document.lines.length, ['', '# Container specific configuration', ...comments(input)])
  put('lxc.arch', input.arch)
  put('lxc.uts.name', input.name)
  const command = commandOf(run)
  // The first process of tlxc-start, and of tlxc-execute without a command.
  put('lxc.init.cmd', commandLine.format(command))
  put('lxc.execute.cmd', commandLine.format(command))
  if (run.workingDir.startsWith('/')) put('lxc.init.cwd', run.workingDir)
  if (ids.uid !== 0) put('lxc.init.uid', String(ids.uid))
  if (ids.gid !== 0) put('lxc.init.gid', String(ids.gid))
  if (ids.groups.length > 0) put('lxc.init.groups', ids.groups.join(','))
  // A program that is no init ignores SIGPWR, which LXC sends by default.
  put('lxc.signal.halt', stopSignal(run.stopSignal))
  for (const entry of run.env) if (/^[^=]+=/.test(entry)) put('lxc.environment', entry)
  return { lines: document.toString().split('\n').slice(0, -1), dropped }
}

/** Entrypoint and arguments; a shell when the image says nothing, as LXC's template does. */
export function commandOf({ entrypoint, cmd }: RunConfig): readonly string[] {
  const command = [...entrypoint, ...cmd]
  return command.length === 0 ? ['/bin/sh'] : command
}

function comments({ run, image, digest }: OciConfigInput): string[] {
  const told = [
    `Image: ${image}`,
    `Digest: ${digest}`,
    ...run.exposedPorts.map((port) => `Exposed port: ${port}`),
    ...run.volumes.map((volume) => `Volume: ${volume}`),
    ...run.labels.map(([key, value]) => `Label: ${key}=${value}`),
  ]
  return told.map((text) => `# ${text.replace(/\p{Cc}/gu, ' ')}`)
}

/** Names (SIGQUIT, QUIT) and numbers, as docker-stop(1) takes them. */
function stopSignal(given: string): string {
  if (/^\d{1,2}$/.test(given)) return given
  const name = /^(?:SIG)?([A-Z0-9]{2,8}(?:[+-]\d{1,2})?)$/.exec(given.toUpperCase())?.[1]
  return `SIG${name ?? 'TERM'}`
}
