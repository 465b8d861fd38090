/**
 * A container on the layers of an OCI image: each is a layer of the pool, made once, found again by its content, and shared by every container
 * and every image that has it.
 */
import { ConfigDocument } from '../config/document.ts'
import type { Host } from '../host/host.ts'
import { runBase } from '../host/paths.ts'
import { baseLockName, findBase, makeBase, type Base } from '../storage/base.ts'
import type { StoragePlace } from '../storage/driver.ts'
import { withEntries } from '../storage/entries.ts'
import { holdEntries } from '../storage/hold.ts'
import { putStack } from '../storage/overlay.ts'
import { openPool } from '../storage/pool.ts'
import type { LowerLayer } from '../template/oci/below.ts'
import { archiveOf, layersOf, unpackImageLayer, unpackMerged, type ImageLayer, type StoredImage } from '../template/oci/image.ts'
import { keyOf, partsOf, possibleKeys, type LayerPart, type LayerSurroundings } from '../template/oci/keys.ts'
import { dependsOnLower, makeOverlayLayer } from '../template/oci/overlay.ts'
import { BASE_TIMEOUT_MS, POOL_TIMEOUT_MS } from './layers.ts'
import { withPoolLock } from './lock.ts'
import { readConfigText, type Container } from './store.ts'

interface Making {
  readonly host: Host
  readonly container: Container
  readonly image: StoredImage
  readonly layers: readonly ImageLayer[]
  /** Whether device nodes are kept. */
  readonly devices: boolean
  readonly signal: AbortSignal
  readonly pool: string
  /** What was found and made so far, bottom first. */
  readonly bases: Base[]
  /** Ends what keeps them from being collected until the container refers to them. */
  readonly releases: (() => void)[]
}

/** Throws TlxcError TEMPLATE, SPACE, STORAGE, BUSY; layers that were finished by then stay for the next try, nothing else does. */
export async function startFromImage(host: Host, container: Container, place: StoragePlace, image: StoredImage, signal: AbortSignal): Promise<void> {
  const { lxcpath } = container
  const layers = await layersOf(host, image)
  // With ids of its own a device node of the image would open a device of this machine.
  const devices = ConfigDocument.parse(readConfigText(host, container)).values('lxc.idmap').length === 0
  const making: Making = { host, container, image, layers, devices, signal, pool: openPool(host, lxcpath), bases: [], releases: [] }
  const parts = partsOf(layers.map(({ diffId }) => diffId))
  try {
    await withEntries(host, lxcpath, async (entries) => {
      const put = (): Promise<void> => putStack(host, place, entries.pool, { upper: entries.upper(), lowers: making.bases.map(({ layer }) => layer).reverse() })
      if (await locked(making, async () => takeThere(making, parts) && (await put(), true))) return
      for (const part of parts.slice(making.bases.length)) await takeOrMake(making, part)
      // A reference to layers that exist: who collects looks at it before or after.
      await locked(making, put)
    })
  } finally {
    for (const release of making.releases) release()
  }
}

function locked<T>({ host, container }: Making, fn: () => Promise<T>): Promise<T> {
  return withPoolLock(host, container.lxcpath, `create of ${container.name}`, POOL_TIMEOUT_MS, fn)
}

/** Takes the layers that are there, from the bottom up. True: all of them, which nobody needs to hold any longer than the pool's lock. */
function takeThere(making: Making, parts: readonly LayerPart[]): boolean {
  const { bases } = making
  for (const part of parts) {
    const base = find(making, part)
    if (base === null) break
    bases.push(base)
  }
  if (bases.length === parts.length) return true
  if (bases.length > 0) hold(making, bases.map(({ layer }) => layer))
  return false
}

function find(making: Making, part: LayerPart): Base | null {
  return findBase(making.host, making.container.lxcpath, ...possibleKeys(part, surroundings(making)))
}

/** The caller holds the pool's lock, or the claims of the layers. */
function hold({ host, pool, releases }: Making, layers: readonly string[]): void {
  releases.push(holdEntries(host, pool, layers))
}

/** Of two creates that lack the same layer one makes it, the other waits and finds it. */
async function takeOrMake(making: Making, part: LayerPart): Promise<void> {
  const { host, container, image } = making
  const path = `${runBase(host.paths, container.lxcpath)}/.locks/${baseLockName(part.diffId)}`
  const lock = await host.lock(path, { timeoutMs: BASE_TIMEOUT_MS, purpose: `unpacking of a layer of ${image.name}` })
  try {
    const found = await locked(making, () => {
      const base = find(making, part)
      if (base !== null) hold(making, [base.layer])
      return Promise.resolve(base)
    })
    making.bases.push(found ?? (await make(making, part)))
  } finally {
    await lock.release()
  }
}

async function make(making: Making, part: LayerPart): Promise<Base> {
  const { host, container, image, layers, bases } = making
  const top = layers[part.from + part.count - 1]
  if (top === undefined) throw new RangeError('a part beyond the layers of its image')
  return makeBase(host, container.lxcpath, {
    source: archiveOf(image, top),
    by: `image ${image.name}`,
    parent: bases.at(-1)?.layer ?? null,
    fill: (directory) => (part.count > 1 ? fillMerged(making, part, directory) : fillOne(making, part, top, directory)),
    made: (layer) => hold(making, [layer]),
  })
}

async function fillOne(making: Making, part: LayerPart, layer: ImageLayer, directory: string): Promise<{ key: string; opaques: readonly string[] }> {
  const { host, image } = making
  const below = lowerLayers(making)
  const marks = await unpackImageLayer(host, image, layer, directory, below, making)
  const opaques = await makeOverlayLayer(host, directory, marks, below)
  const facts = { devices: marks.devices, inheritsRoot: marks.implied.has(''), depends: dependsOnLower(marks) }
  return { key: keyOf(part, facts, surroundings(making)), opaques: [...opaques] }
}

/** The lowest layers of an image that has more than a stack should have. */
async function fillMerged(making: Making, part: LayerPart, directory: string): Promise<{ key: string }> {
  const { host, image, layers } = making
  host.fs.mkdirSync(directory)
  host.fs.chmodSync(directory, 0o755)
  const { devices } = await unpackMerged(host, image, layers.slice(part.from, part.from + part.count), directory, making)
  return { key: keyOf(part, { devices, inheritsRoot: false, depends: true }, surroundings(making)) }
}

function surroundings({ host, pool, bases, devices }: Making): LayerSurroundings {
  const below = bases.at(-1)
  // As a layer's directory is made when nothing says otherwise.
  if (below === undefined) return { devices, rootBelow: '755-0-0' }
  const { mode, uid, gid } = host.fs.lstatSync(`${pool}/${below.layer}`)
  return { devices, rootBelow: `${(mode & 0o7777).toString(8)}-${uid}-${gid}` }
}

/** Topmost first. */
function lowerLayers({ pool, bases }: Making): LowerLayer[] {
  return bases.map(({ layer, opaques }) => ({ directory: `${pool}/${layer}`, opaques: new Set(opaques) })).reverse()
}
