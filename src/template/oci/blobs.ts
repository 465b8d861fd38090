/** Blobs of OCI images in the cache: STORE/sha256/HEX. What does not have the content that its name promises is never used. */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { errnoOf, TlxcError } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import { chooseByPlatform, chooseByTag, isIndex, parseIndex, parseManifest, unusable, type Descriptor, type Manifest } from './types.ts'

export interface ImageSource {
  /** A layout's directory: has index.json. */
  readonly layout: string
  /** The directory that has sha256/HEX: the layout's own blobs, or what layouts share. */
  readonly blobs: string
  /** Where the blobs go, checked; the same as `blobs`: they stay there. */
  readonly store: string
  /** null: the only image of the layout. */
  readonly tag: string | null
  /** As Go says it: amd64. */
  readonly architecture: string
  /** What people call it, for messages. */
  readonly name: string
}

/** Documents are small; this is what registries accept. */
const MAX_DOCUMENT = 4 << 20

/** Brings all blobs of one image into the store. Resolves with the digest of its manifest. Throws TlxcError TEMPLATE, IO. */
export async function importImage(host: Host, source: ImageSource): Promise<string> {
  const { layout, name, tag, architecture } = source
  let chosen = chooseByTag(parseIndex(readDocument(host, `${layout}/index.json`, name), name), tag, name)
  for (let depth = 0; isIndex(chosen); depth++) {
    if (depth > 3) throw unusable(name, 'its indexes go round in circles')
    await fetchBlob(host, source, chosen)
    chosen = chooseByPlatform(parseIndex(readDocument(host, blobPath(source.store, chosen.digest), name), name), architecture, name)
  }
  await fetchBlob(host, source, chosen)
  const { config, layers } = readManifest(host, source.store, chosen.digest, name)
  for (const part of [config, ...layers]) await fetchBlob(host, source, part)
  return chosen.digest
}

export function readManifest(host: Host, store: string, digest: string, name: string): Manifest {
  return parseManifest(readDocument(host, blobPath(store, digest), name), name)
}

/** Text of a small blob or of index.json. Throws TlxcError TEMPLATE. */
export function readDocument(host: Host, path: string, name: string): string {
  const found = host.fs.statSync(path, { throwIfNoEntry: false })
  if (!found?.isFile()) throw unusable(name, `"${path}" is missing`)
  if (found.size > MAX_DOCUMENT) throw unusable(name, `"${path}" is too large`)
  return host.fs.readFileSync(path, 'utf8')
}

export function blobPath(store: string, digest: string): string {
  return `${store}/${digest.replace(':', '/')}`
}

/** Throws TlxcError TEMPLATE when the blob is not what its name says, and removes it: the next try downloads it again. */
export async function checkBlob(host: Host, store: string, digest: string): Promise<void> {
  const path = blobPath(store, digest)
  if (await isWhole(host, store, digest)) return
  host.fs.rmSync(path, { force: true })
  throw new TlxcError('TEMPLATE', `cannot use "${path}": its content has another checksum than its name`, { hint: 'it was removed; run the command again' })
}

async function isWhole(host: Host, store: string, digest: string): Promise<boolean> {
  const hash = createHash('sha256')
  for await (const piece of host.fs.createReadStream(blobPath(store, digest), { highWaterMark: 1 << 20 })) hash.update(piece as Buffer)
  return `sha256:${hash.digest('hex')}` === digest
}

/** A layer that was brought in is as long as it should be, and gets its content compared when it is unpacked: a second create reads none. */
function isComplete(host: Host, store: string, { digest, size }: Descriptor): boolean {
  return size !== null && size > MAX_DOCUMENT && host.fs.statSync(blobPath(store, digest)).size === size
}

async function fetchBlob(host: Host, { blobs, store, name }: ImageSource, wanted: Descriptor): Promise<void> {
  const { digest } = wanted
  const to = blobPath(store, digest)
  if (host.fs.existsSync(to)) {
    if (isComplete(host, store, wanted)) return
    if (blobs === store) return checkBlob(host, store, digest)
    if (await isWhole(host, store, digest)) return
  }
  const from = blobPath(blobs, digest)
  host.fs.mkdirSync(`${store}/sha256`, { recursive: true, mode: 0o700 })
  const part = `${to}.part`
  const hash = createHash('sha256')
  try {
    const check = async function* (pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const piece of pieces) {
        hash.update(piece)
        yield piece
      }
    }
    // Copied and checked in one pass: whoever owns the layout may change it meanwhile. The part is of a killed try: we hold the lock.
    await pipeline(host.fs.createReadStream(from), check, host.fs.createWriteStream(part, { mode: 0o600 }))
    if (`sha256:${hash.digest('hex')}` !== digest) throw new TlxcError('TEMPLATE', `cannot use "${name}": "${from}" has another checksum than its name`, { hint: 'the image is damaged' })
    host.fs.renameSync(part, to)
  } catch (error) {
    host.fs.rmSync(part, { force: true })
    throw errnoOf(error) === 'ENOENT' ? unusable(name, `"${from}" is missing`) : error
  }
}
