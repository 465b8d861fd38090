/** An image whose blobs are in the store → what its layers are, and one plain tree of some or all of them. */
import { errnoOf, TlxcError } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import { roomAt } from '../../host/room.ts'
import type { LowerLayer } from './below.ts'
import { blobPath, checkBlob, readDocument, readManifest } from './blobs.ts'
import { unpackLayer, type LayerMarks } from './layer.ts'
import { mergeLayer, moveContents } from './merge.ts'
import { parseDiffIds, unusable, type Descriptor } from './types.ts'

export interface StoredImage {
  readonly store: string
  /** Of the manifest. */
  readonly digest: string
  /** What people call it. */
  readonly name: string
}

/** A layer as the registry has it, and the digest of its content. */
export interface ImageLayer {
  readonly blob: Descriptor
  readonly diffId: string
}

export interface UnpackSettings {
  /** Whether device nodes are kept. */
  readonly devices: boolean
  readonly signal: AbortSignal
}

const NO_LAYERS: ReadonlySet<string> = new Set()

/** Bottom first. Throws TlxcError TEMPLATE. */
export async function layersOf(host: Host, image: StoredImage): Promise<ImageLayer[]> {
  const { store, name } = image
  const { config, layers } = readManifest(host, store, image.digest, name)
  await checkBlob(host, store, image.digest)
  if (layers.length === 0) throw unusable(name, 'it has no layers')
  const diffIds = parseDiffIds(await readConfig(host, image, config), name)
  if (diffIds.length !== layers.length) throw unusable(name, `its manifest has ${layers.length} layers, its configuration ${diffIds.length}`)
  return layers.map((blob, at) => ({ blob, diffId: diffIds[at] ?? '' }))
}

/** Text of the image's configuration, with the content that the manifest promises. */
export async function readConfig(host: Host, { store, name }: StoredImage, { digest }: Descriptor): Promise<string> {
  await checkBlob(host, store, digest)
  return readDocument(host, blobPath(store, digest), name)
}

export function archiveOf({ store }: StoredImage, { blob }: ImageLayer): string {
  return blobPath(store, blob.digest)
}

/** Makes the directory. below: topmost first. Throws TlxcError TEMPLATE that names a wrong checksum as such, SPACE; what was unpacked then stays. */
export async function unpackImageLayer(host: Host, image: StoredImage, layer: ImageLayer, directory: string, below: readonly LowerLayer[], settings: UnpackSettings): Promise<LayerMarks> {
  const archive = archiveOf(image, layer)
  const room = roomAt(host, directory.slice(0, directory.lastIndexOf('/')))
  try {
    return await unpackLayer(host, { archive, diffId: layer.diffId, directory, room, below, image: image.name, ...settings })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && !host.fs.existsSync(archive)) {
      throw new TlxcError('TEMPLATE', `cannot use "${image.name}": "${archive}" was removed by another command`, { cause: error, hint: 'run the command again' })
    }
    // A blob that was damaged in the cache goes, so that the next try gets it anew.
    if (error instanceof TlxcError && error.code === 'TEMPLATE') await checkBlob(host, image.store, layer.blob.digest)
    throw error
  }
}

/** Fills an empty directory with layers, bottom first. Throws as unpackImageLayer(); the caller removes what was unpacked with the directory. */
export async function unpackMerged(host: Host, image: StoredImage, layers: readonly ImageLayer[], rootfs: string, settings: UnpackSettings): Promise<{ devices: boolean }> {
  // Within the root file system: on the same filesystem for certain, and gone with it when the create fails.
  const work = host.fs.mkdtempSync(`${rootfs}/.tlxc-`)
  let merged: string | null = null
  let devices = false
  for (const [number, layer] of layers.entries()) {
    const directory = `${work}/${number}`
    const below = merged === null ? [] : [{ directory: merged, opaques: NO_LAYERS }]
    const marks = await unpackImageLayer(host, image, layer, directory, below, settings)
    devices ||= marks.devices
    if (merged !== null) mergeLayer(host, merged, directory, marks)
    merged = directory
  }
  if (merged !== null) moveContents(host, merged, rootfs)
  host.fs.rmSync(work, { recursive: true, force: true })
  return { devices }
}
