/** What create writes into LXCPATH/NAME/config, before the template and after it. The person's own lines stay as they are. */
import { createHash, randomBytes } from 'node:crypto'
import { ConfigDocument } from '../config/document.ts'
import { fillMacWildcards } from '../config/mac-wildcards.ts'
import type { Host } from '../host/host.ts'
import { renderFile } from '../template/render.ts'
import type { IdClaim } from './idrange.ts'
import type { Container } from './store.ts'

/** For the owner alone: it names host paths, and hooks that root runs. LXC: 0640. */
const MODE = 0o640

export interface InitialConfig {
  /** Text of -f FILE or of the default configuration. */
  base: string
  /** TYPE:PATH, or null without a root file system. */
  rootfs: string | null
  claim: IdClaim | null
}

/** Writes what the template finds. `claim` goes in at once: from then on the range is taken. */
export function writeInitialConfig(host: Host, container: Container, initial: InitialConfig): void {
  const document = ConfigDocument.parse(initial.base)
  fillMacWildcards(document, randomByte)
  if (initial.rootfs !== null) document.set('lxc.rootfs.path', initial.rootfs)
  if (initial.claim) {
    const { uid, gid, count } = initial.claim
    document.append('lxc.idmap', `u 0 ${uid} ${count}`)
    document.append('lxc.idmap', `g 0 ${gid} ${count}`)
  }
  // LXC's own key: the files are unshifted, and real LXC could start this container as well.
  if (document.values('lxc.idmap').length > 0 && document.values('lxc.rootfs.options').length === 0) {
    document.append('lxc.rootfs.options', 'idmap=container')
  }
  host.writeFileAtomic(container.configFile, document.toString(), MODE)
}

export interface TemplateUsed {
  file: string
  args: readonly string[]
}

/** Completes what the template left: header, what an unprivileged container needs, hardware addresses. */
export async function completeConfig(host: Host, container: Container, template: TemplateUsed | null): Promise<void> {
  const includes = host.paths.configIncludes
  const document = ConfigDocument.parse(host.fs.readFileSync(container.configFile, 'utf8'))
  fillMacWildcards(document, randomByte)
  let text = document.toString()
  if (document.values('lxc.idmap').length > 0) text = withNewline(text) + (await renderFile(host, 'config-unprivileged', { includes }))
  if (template) text = (await renderFile(host, 'config-header', headerValues(host, template))) + text
  host.writeFileAtomic(container.configFile, text, MODE)
}

function headerValues(host: Host, { file, args }: TemplateUsed): Record<string, unknown> {
  return {
    template: oneLine(file),
    args: withoutPasswords(args).map(oneLine),
    checksum: createHash('sha1').update(host.fs.readFileSync(file)).digest('hex'),
    includes: host.paths.configIncludes,
  }
}

/** LXC writes down every argument; a password (--password, --root-password, --user-password) is not for a file that people copy about. */
function withoutPasswords(args: readonly string[]): string[] {
  const option = /^--([a-z-]+-)?password$/
  return args.map((arg, index) => (option.test(args[index - 1] ?? '') ? '***' : arg.replace(/^(--(?:[a-z-]+-)?password=).*/s, '$1***')))
}

/** A line break in an argument must not become a line of configuration. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ')
}

function randomByte(): number {
  return randomBytes(1)[0] ?? 0
}

function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
