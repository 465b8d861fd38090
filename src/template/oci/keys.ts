/**
 * By what the layers of an image are found again in the pool, and which of them become one layer. The digests are those of layers without
 * compression (diff ids), which were compared with what was unpacked: an image cannot pass its files off as those of another one. Pure.
 */
import { sha256Hex } from '../../hash.ts'

/** One layer of the pool. */
export interface LayerPart {
  /** The first of the image's layers that are in it, and how many: 1 but for the lowest ones of an image with many. */
  readonly from: number
  readonly count: number
  /** Of its topmost one. */
  readonly diffId: string
  /** Names it with all that lies below it. */
  readonly chainId: string
  /** One of the same content lies below: overlayfs takes no directory twice. */
  readonly repeated: boolean
}

/** More make lookups slow where all of them have a directory; snapshots come on top. */
export const MAX_IMAGE_LAYERS = 32
/** The lowest ones become one in steps of so many, that an image with some layers more shares that one, too. */
const MERGE_STEP = 16

/** Bottom first. */
export function partsOf(diffIds: readonly string[]): LayerPart[] {
  const chain = chainIds(diffIds)
  const part = (from: number, count: number): LayerPart => {
    const top = from + count - 1
    const diffId = diffIds[top] ?? ''
    return { from, count, diffId, chainId: chain[top] ?? '', repeated: diffIds.indexOf(diffId) < top }
  }
  const surplus = diffIds.length - MAX_IMAGE_LAYERS + 1
  const merged = diffIds.length <= MAX_IMAGE_LAYERS ? 0 : Math.ceil(surplus / MERGE_STEP) * MERGE_STEP
  const single = diffIds.slice(merged).map((_, at) => part(merged + at, 1))
  return merged === 0 ? single : [part(0, merged), ...single]
}

/** As the OCI image specification defines it. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffId of diffIds) {
    const below = chain.at(-1)
    chain.push(below === undefined ? diffId : `sha256:${sha256Hex(`${below} ${diffId}`)}`)
  }
  return chain
}

/** What a layer of the pool is like, as far as it depends on more than the archive. */
export interface LayerFacts {
  /** It has device nodes, or had some that were left out. */
  readonly devices: boolean
  /** Its root has the attributes of the root below. */
  readonly inheritsRoot: boolean
  /** It means something on these layers below only. */
  readonly depends: boolean
}

export interface LayerSurroundings {
  /** Whether device nodes are kept. */
  readonly devices: boolean
  /** Mode and owner of the root below. */
  readonly rootBelow: string
}

export function keyOf(part: LayerPart, facts: LayerFacts, around: LayerSurroundings): string {
  const devices = around.devices ? '-devices' : '-plain'
  if (part.count > 1) return `oci-merged-${hex(part.chainId)}${devices}`
  if (facts.depends || part.repeated) return `oci-chain-${hex(part.chainId)}${devices}`
  return `oci-layer-${hex(part.diffId)}${facts.devices ? devices : ''}${facts.inheritsRoot ? `-root-${around.rootBelow}` : ''}`
}

/** Every key that a part may have: what it is like is known only when it was unpacked. */
export function possibleKeys(part: LayerPart, around: LayerSurroundings): string[] {
  const flags = [false, true]
  const all = flags.flatMap((depends) => flags.flatMap((devices) => flags.map((inheritsRoot) => keyOf(part, { depends, devices, inheritsRoot }, around))))
  return [...new Set(all)]
}

function hex(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1)
}
