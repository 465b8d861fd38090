/** The last step of an image's template: metadata → configuration of the container and names inside. */
import { ConfigDocument } from '../../config/document.ts'
import { TlxcError } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import { MAX_SIZE, readInside, writeInside } from '../inside.ts'
import { fillPlaceholders, imageConfig, imageFstab, type ImageConfig } from './lxc-config.ts'

export interface ImageSetup {
  /** Directory with the metadata's files, unpacked. */
  readonly meta: string
  readonly name: string
  /** LXCPATH/NAME: its `config` is added to. */
  readonly path: string
  readonly rootfs: string
  /** Debian's or the kernel's name of the architecture, unless the metadata says. */
  readonly arch: string
  /** Name of the distribution, for its include; '' if not known. */
  readonly dist: string
}

export interface SetupResult {
  /** What of the image's configuration was not taken over. */
  readonly dropped: readonly string[]
  /** create-message of the image, without control characters. */
  readonly message: string
}

/** Throws TlxcError TEMPLATE for metadata that cannot be meant for a container, IO. */
export function setUpImage(host: Host, setup: ImageSetup): SetupResult {
  const configFile = `${setup.path}/config`
  const document = ConfigDocument.parse(host.fs.readFileSync(configFile, 'utf8'))
  const mode = document.values('lxc.idmap').length > 0 ? 'user' : 'system'
  const places = { ...setup, includes: host.paths.configIncludes, hooks: host.paths.hooks }
  const config = imageConfig({ ...places, text: configText(host, setup, mode), exists: (file) => host.fs.existsSync(file) })
  const fstab = imageFstab(fillPlaceholders(metaFile(host, setup.meta, 'fstab', mode) ?? '', places))
  if (document.values('lxc.rootfs.path').length === 0) document.append('lxc.rootfs.path', `dir:${setup.rootfs}`)
  document.insert(document.lines.length, blocks(setup, config, fstab))
  host.writeFileAtomic(configFile, document.toString(), 0o640)
  nameInside(host, setup)
  fillTemplates(host, setup, mode, places)
  return { dropped: [...config.dropped, ...fstab.dropped], message: fillPlaceholders(metaFile(host, setup.meta, 'create-message', mode) ?? '', places).replace(/[^\P{Cc}\n\t]/gu, '') }
}

/**
 * A file of the metadata for this kind of container: with -user or -system before without, with .7 (the level of the format) before
 * without. Throws TlxcError TEMPLATE when it is no plain file.
 */
export function metaFile(host: Host, meta: string, name: string, mode: 'user' | 'system'): string | null {
  for (const file of [`${name}-${mode}.7`, `${name}-${mode}`, `${name}.7`, name]) {
    const path = `${meta}/${file}`
    const found = host.fs.lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) continue
    // A link in an archive that somebody made up could name any file of this machine.
    if (found.size > MAX_SIZE) throw new TlxcError('TEMPLATE', `cannot use "${file}" of the image's metadata: it has ${found.size} bytes`, { hint: 'the image is damaged, or was made to do harm' })
    if (!found.isFile()) throw new TlxcError('TEMPLATE', `cannot use "${file}" of the image's metadata: it is no plain file`, { hint: 'the image is damaged, or not meant for containers' })
    return host.fs.readFileSync(path, 'utf8')
  }
  return null
}

function configText(host: Host, setup: ImageSetup, mode: 'user' | 'system'): string {
  const own = metaFile(host, setup.meta, 'config', mode)
  if (own !== null) return own
  // Metadata of LXD and Incus has no configuration of LXC's.
  return `lxc.include = LXC_TEMPLATE_CONFIG/${/^[a-z0-9-]+$/.test(setup.dist) ? setup.dist : 'none'}.common.conf\n`
}

function blocks(setup: ImageSetup, config: ImageConfig, fstab: ImageConfig): string[] {
  const arch = config.lines.some((line) => line.startsWith('lxc.arch')) ? [] : [`lxc.arch = ${setup.arch}`]
  const left = [...config.dropped, ...fstab.dropped].map((key) => `# The image also has, not taken over: ${printable(key)}`)
  return ['', '# Distribution configuration', ...config.lines, ...fstab.lines, ...left, '', '# Container specific configuration', ...arch, `lxc.uts.name = ${setup.name}`]
}

/** Images of LXC name these files in `templates`, those of LXD render them; who does neither gets the name as well. */
function nameInside(host: Host, { rootfs, name }: ImageSetup): void {
  const hostname = readInside(host, rootfs, 'etc/hostname')
  if (hostname !== null && !hostname.includes('LXC_NAME')) writeInside(host, rootfs, 'etc/hostname', `${name}\n`)
  const hosts = readInside(host, rootfs, 'etc/hosts')
  if (hosts === null || hosts.trim() === '') writeInside(host, rootfs, 'etc/hosts', `127.0.0.1 localhost\n127.0.1.1 ${name}\n::1       localhost ip6-localhost ip6-loopback\n`)
}

function fillTemplates(host: Host, setup: ImageSetup, mode: 'user' | 'system', places: Parameters<typeof fillPlaceholders>[1]): void {
  const list = metaFile(host, setup.meta, 'templates', mode) ?? ''
  for (const path of list.split('\n').map((line) => line.trim()).filter((line) => line !== '')) {
    const text = readInside(host, setup.rootfs, path)
    if (text !== null) writeInside(host, setup.rootfs, path, fillPlaceholders(text, places))
  }
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}
