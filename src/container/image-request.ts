/** "oci:STORE DIGEST" and the image's name in a line of its own: what a template wants the layers of. The contract is in templates/lib.sh. Pure. */
import type { StoredImage } from '../template/oci/image.ts'

export type ImageRequest = StoredImage

/** null: it is no such request. */
export function parseImageRequest(text: string): ImageRequest | null {
  const [, store, digest, name] = /^oci:(\/[^\n]*) (sha256:[0-9a-f]{64})\n([^\n]+)\n?$/.exec(text) ?? []
  return store === undefined || digest === undefined || name === undefined ? null : { store, digest, name }
}
