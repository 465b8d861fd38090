/** OCI image layouts made by hand: each layer a list of entries, written by tar from a directory. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface OciImage {
  /** Directories with the layers' content, bottom first; whiteouts are files .wh.NAME in them. A file is an archive as it is. */
  layers: readonly string[]
  /** `config` of the image's configuration. */
  config?: object
  tag?: string
  /** Options of tar for each layer. */
  tar?: readonly string[]
  compress?: 'gzip' | 'zstd' | 'none'
  /** Digests that the configuration claims instead of the right ones. */
  diffIds?: readonly string[]
}

/** Writes the layout; resolves with the digests of its layers. */
export function writeLayout(directory: string, { layers, config = {}, tag = 'latest', tar = [], compress = 'gzip', diffIds: claimed }: OciImage): string[] {
  mkdirSync(join(directory, 'blobs/sha256'), { recursive: true })
  const put = (content: Buffer): { digest: string; size: number } => {
    const hex = createHash('sha256').update(content).digest('hex')
    writeFileSync(join(directory, 'blobs/sha256', hex), content)
    return { digest: `sha256:${hex}`, size: content.length }
  }
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))
  const plain = layers.map((layer) => archiveOf(layer, tar))
  const packed = plain.map((content) => (compress === 'none' ? content : execFileSync(compress, ['-c'], { input: content, maxBuffer: 1 << 30 })))
  const blobs = packed.map((content) => ({ mediaType: `application/vnd.oci.image.layer.v1.tar${compress === 'none' ? '' : `+${compress}`}`, ...put(content) }))
  const diffIds = claimed ?? plain.map((content) => `sha256:${createHash('sha256').update(content).digest('hex')}`)
  const image = put(json({ architecture: 'amd64', os: 'linux', config, rootfs: { type: 'layers', diff_ids: diffIds } }))
  const manifest = put(json({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...image }, layers: blobs }))
  const entry = { mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest, annotations: { 'org.opencontainers.image.ref.name': tag } }
  writeFileSync(join(directory, 'index.json'), json({ schemaVersion: 2, manifests: [entry] }))
  writeFileSync(join(directory, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }))
  return blobs.map(({ digest }) => digest)
}

/** layer: a directory, or an archive that was made otherwise. */
function archiveOf(layer: string, tar: readonly string[]): Buffer {
  if (statSync(layer).isFile()) return readFileSync(layer)
  return execFileSync('tar', ['--create', '--numeric-owner', '--sort=name', ...tar, '--directory', layer, '.'], { maxBuffer: 1 << 30 })
}
