/** Simplestreams as image servers of LXD and Incus speak it: streams/v1/index.json names product files, these name builds. Pure. */
import { TlxcError } from '../../errors.ts'
import { isWord, newest, safeHash, safePath, type ImageFile, type ImageRow } from './row.ts'

/** Item types with LXD's metadata, in the order of preference. */
const META_TYPES = ['incus.tar.xz', 'lxd.tar.xz']
const ROOTFS_TYPES = ['root.tar.xz', 'rootfs.tar.xz', 'root.tar.gz', 'root.tar.zst']

type Tree = Readonly<Record<string, unknown>>

/** Paths of the product files with images, below the server's address. Throws TlxcError TEMPLATE. */
export function parseStreamsIndex(text: string): string[] {
  const { index } = parseTree(text)
  return children(index).flatMap(([, entry]) => (entry['datatype'] === 'image-downloads' ? (safePath(entry['path']) ?? []) : []))
}

/** Containers' images only: what has metadata and a root file system as archives, with a checksum. Throws TlxcError TEMPLATE. */
export function parseProducts(text: string): ImageRow[] {
  const { products } = parseTree(text)
  return newest(children(products).flatMap(([, product]) => children(product['versions']).flatMap(([build, version]) => parseVersion(product, build, version) ?? [])))
}

function parseVersion(product: Tree, build: string, version: Tree): ImageRow | null {
  const { os, release, arch } = product
  const variant = product['variant'] ?? 'default'
  const dist = typeof os === 'string' ? os.toLowerCase() : os
  if (!isWord(dist) || !isWord(release) || !isWord(arch) || !isWord(variant) || !isWord(build)) return null
  const items = children(version['items']).map(([, item]) => item)
  const metaItem = itemOf(items, META_TYPES)
  const meta = fileOf(metaItem)
  const rootfs = fileOf(itemOf(items, ROOTFS_TYPES))
  if (meta === null || rootfs === null) return null
  const combined = safeHash(metaItem?.['combined_rootxz_sha256'] ?? metaItem?.['combined_sha256'])
  // What cannot be checked is not offered: this protocol always tells a checksum.
  if (combined === null && (meta.sha256 === null || rootfs.sha256 === null)) return null
  return { dist, release, arch, variant, build, meta, rootfs, combined }
}

function itemOf(items: readonly Tree[], types: readonly string[]): Tree | undefined {
  return types.map((type) => items.find((item) => item['ftype'] === type)).find((item) => item !== undefined)
}

function fileOf(item: Tree | undefined): ImageFile | null {
  const path = safePath(item?.['path'])
  return path === null ? null : { path, sha256: safeHash(item?.['sha256']) }
}

function parseTree(text: string): Tree {
  try {
    const tree: unknown = JSON.parse(text)
    if (isTree(tree)) return tree
  } catch {
    // Told below, as every other thing that is no tree.
  }
  throw new TlxcError('TEMPLATE', 'cannot read what the image server sent: it is no simplestreams file', { hint: 'check the address given with --server' })
}

function children(tree: unknown): [string, Tree][] {
  return isTree(tree) ? Object.entries(tree).flatMap(([key, value]) => (isTree(value) ? [[key, value] as [string, Tree]] : [])) : []
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
