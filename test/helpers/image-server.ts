/** An image server on loopback that speaks LXC's index protocol and simplestreams, resumes downloads, and fails on demand. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { repoRoot } from './e2e.ts'

/** cut: the connection breaks after half of what was asked; stall: after half nothing comes any more; corrupt: other bytes; missing: 404. */
export type Fault = 'cut' | 'stall' | 'corrupt' | 'missing' | 'error'

export interface ImageServer {
  readonly url: string
  /** Path → content. */
  readonly files: Map<string, Buffer>
  /** Path → what goes wrong, the next time only, or always. */
  readonly faults: Map<string, { fault: Fault; always?: boolean }>
  /** "PATH" or "PATH from N" for each request that was answered with content. */
  readonly served: string[]
  close(): Promise<void>
}

export async function startImageServer(): Promise<ImageServer> {
  const files = new Map<string, Buffer>()
  const faults: ImageServer['faults'] = new Map()
  const served: string[] = []
  const server = createServer((request, response) => answer(request, response, { files, faults, served }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files,
    faults,
    served,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, { files, faults, served }: Pick<ImageServer, 'files' | 'faults' | 'served'>): void {
  const path = (request.url ?? '/').slice(1)
  const found = files.get(path)
  const fault = faults.get(path)
  if (fault && !fault.always) faults.delete(path)
  if (!found || fault?.fault === 'missing') return void response.writeHead(404).end()
  if (fault?.fault === 'error') return void response.writeHead(503).end()
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  if (from >= found.length && from > 0) return void response.writeHead(416).end()
  served.push(from > 0 ? `${path} from ${from}` : path)
  const content = fault?.fault === 'corrupt' ? Buffer.from(found.map((byte) => byte ^ 1)) : found
  const headers = { 'content-length': content.length - from, ...(from > 0 ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}) }
  response.writeHead(from > 0 ? 206 : 200, headers)
  if (fault?.fault !== 'cut' && fault?.fault !== 'stall') return void response.end(content.subarray(from))
  response.write(content.subarray(from, from + Math.ceil((content.length - from) / 2)), () => (fault.fault === 'cut' ? setTimeout(() => response.destroy(), 50) : undefined))
}

export interface ImageOptions {
  dist: string
  release?: string
  variant?: string
  build?: string
  /** Seconds since 1970. */
  expiry?: number
  /** Files of the metadata beside config, excludes, templates, expiry. */
  meta?: Record<string, string>
  /** Directory with the root file system. */
  rootfs: string
}

/** Path of the image's directory below the server. */
export function addLxcImage(server: ImageServer, image: ImageOptions): string {
  const { dist, release = '1', variant = 'default', build = '20260101_00:00', expiry = 4_000_000_000 } = image
  const directory = `images/${dist}/${release}/amd64/${variant}/${build}`
  const meta = {
    config: 'lxc.include = LXC_TEMPLATE_CONFIG/busybox.common.conf\nlxc.arch = x86_64\nlxc.hook.pre-start = /bin/touch /owned\n',
    'config-user': 'lxc.include = LXC_TEMPLATE_CONFIG/busybox.common.conf\nlxc.include = LXC_TEMPLATE_CONFIG/userns.conf\nlxc.arch = x86_64\nlxc.hook.pre-start = /bin/touch /owned\n',
    excludes: 'usr/share/excluded\n',
    templates: '/etc/hostname\n',
    'create-message': 'You made LXC_NAME\n',
    expiry: `${expiry}\n`,
    ...image.meta,
  }
  const archives = { 'meta.tar.xz': packFiles(meta), 'rootfs.tar.xz': pack(image.rootfs) }
  for (const [name, content] of Object.entries(archives)) server.files.set(`${directory}/${name}`, content)
  server.files.set(`${directory}/SHA256SUMS`, Buffer.from(Object.entries(archives).map(([name, content]) => `${sha256(content)}  ${name}\n`).join('')))
  for (const mode of ['system', 'user']) {
    const path = `meta/1.0/index-${mode}`
    server.files.set(path, Buffer.from(`${server.files.get(path)?.toString() ?? ''}${dist};${release};amd64;${variant};${build};/${directory}/\n`))
  }
  return directory
}

/** The same by simplestreams alone, with metadata as LXD has it. */
export function addStreamsImage(server: ImageServer, { dist, release = '1', variant = 'default', build = '20260101_00:00', rootfs }: ImageOptions): string {
  const directory = `streams-images/${dist}/${build}`
  const meta = packFiles({ 'metadata.yaml': 'architecture: x86_64\nexpiry_date: 4000000000\n' })
  const root = pack(rootfs)
  server.files.set(`${directory}/lxd.tar.xz`, meta)
  server.files.set(`${directory}/root.tar.xz`, root)
  const item = (ftype: string, content: Buffer): object => ({ ftype, path: `${directory}/${ftype}`, sha256: sha256(content), size: content.length })
  const product = { os: dist, release, arch: 'amd64', variant, versions: { [build]: { items: { 'lxd.tar.xz': item('lxd.tar.xz', meta), 'root.tar.xz': item('root.tar.xz', root) } } } }
  server.files.set('streams/v1/index.json', Buffer.from(JSON.stringify({ format: 'index:1.0', index: { images: { datatype: 'image-downloads', path: 'streams/v1/images.json', products: [] } } })))
  server.files.set('streams/v1/images.json', Buffer.from(JSON.stringify({ format: 'products:1.0', products: { [`${dist}:${release}:amd64:${variant}`]: product } })))
  return directory
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

/** tar.xz of a directory. */
export function pack(directory: string, ...options: string[]): Buffer {
  return execFileSync('tar', ['--create', '--numeric-owner', '-I', 'xz -0', ...options, '--directory', directory, '.'], { maxBuffer: 64 << 20 })
}

export function packFiles(files: Readonly<Record<string, string>>): Buffer {
  const directory = mkdtempSync('/var/tmp/tlxc-meta-')
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
    return pack(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** A busybox system, as the template makes it, with what images have and templates change. */
export function makeBusyboxTree(directory: string): string {
  const rootfs = join(directory, 'rootfs')
  mkdirSync(rootfs, { recursive: true })
  writeFileSync(join(directory, 'config'), `lxc.rootfs.path = dir:${rootfs}\n`)
  execFileSync(join(repoRoot, 'build/prefix/share/tlxc/templates/tlxc-busybox'), ['--name=image', `--path=${directory}`, `--rootfs=${rootfs}`])
  writeFileSync(join(rootfs, 'etc/hostname'), 'LXC_NAME\n')
  mkdirSync(join(rootfs, 'usr/share'), { recursive: true })
  writeFileSync(join(rootfs, 'usr/share/excluded'), 'not wanted')
  execFileSync('mknod', [join(rootfs, 'dev/node'), 'b', '7', '99'])
  return rootfs
}

export function contentOf(file: string): string {
  return readFileSync(file, 'utf8')
}
