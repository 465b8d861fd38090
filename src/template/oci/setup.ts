/** What an image says of its program → the configuration of a container, and the few files and directories that it needs. */
import { ConfigDocument } from '../../config/document.ts'
import type { Host } from '../../host/host.ts'
import { makeDirectoryInside, readInside, writeInside } from '../inside.ts'
import { readManifest } from './blobs.ts'
import { ociConfig } from './config.ts'
import { readConfig, type StoredImage } from './image.ts'
import { parseRunConfig } from './types.ts'
import { resolveUser } from './user.ts'

export interface OciSetup extends StoredImage {
  readonly container: string
  /** LXCPATH/NAME: its `config` is added to. */
  readonly path: string
  readonly rootfs: string
  readonly arch: string
  /** Further lines of configuration, such as hooks. */
  readonly extra: readonly string[]
}

/** Adds to the container's configuration, names it inside, makes its directories. Resolves with what could not be taken over. */
export async function setUpOci(host: Host, setup: OciSetup): Promise<readonly string[]> {
  const { store, digest, name, rootfs, container, path } = setup
  const run = parseRunConfig(await readConfig(host, setup, readManifest(host, store, digest, name).config), name)
  const ids = resolveUser(run.user, readInside(host, rootfs, 'etc/passwd') ?? '', readInside(host, rootfs, 'etc/group') ?? '')
  const { lines, dropped } = ociConfig({ run, ids, name: container, arch: setup.arch, image: name, digest, includes: host.paths.configIncludes })
  const document = ConfigDocument.parse(host.fs.readFileSync(`${path}/config`, 'utf8'))
  if (document.values('lxc.rootfs.path').length === 0) document.append('lxc.rootfs.path', `dir:${rootfs}`)
  document.insert(document.lines.length, ['', '# Distribution configuration', ...lines, ...setup.extra])
  host.writeFileAtomic(`${path}/config`, document.toString(), 0o640)
  writeInside(host, rootfs, 'etc/hostname', `${container}\n`)
  writeInside(host, rootfs, 'etc/hosts', `127.0.0.1 localhost\n127.0.1.1 ${container}\n::1       localhost ip6-localhost ip6-loopback\n`)
  // What tlxc-start mounts on, and what the image's program expects; an image for Docker need not have any of it.
  for (const directory of ['dev', 'proc', 'sys', 'run', 'tmp']) makeDirectoryInside(host, rootfs, directory, { uid: 0, gid: 0, mode: directory === 'tmp' ? 0o1777 : 0o755 })
  for (const directory of [run.workingDir, ...run.volumes]) if (directory.startsWith('/')) makeDirectoryInside(host, rootfs, directory, { ...ids, mode: 0o755 })
  return dropped
}
