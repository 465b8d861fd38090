/** Fills a new container from its template: a plain directory that becomes a layer, or layers that other containers of the same template share. */
import type { Host } from '../host/host.ts'
import { runBase } from '../host/paths.ts'
import { baseLockName, findBase, isCurrent, makeBase, parseLayerRequest, treeBase, type LayerRequest } from '../storage/base.ts'
import type { StorageDriver, StoragePlace } from '../storage/driver.ts'
import { withEntries } from '../storage/entries.ts'
import { holdEntries } from '../storage/hold.ts'
import { putStack } from '../storage/overlay.ts'
import { holdBlobs } from '../template/cache.ts'
import { runTemplate, type TemplateRun } from '../template/run.ts'
import { startFromImage } from './fill-image.ts'
import { parseImageRequest, type ImageRequest } from './image-request.ts'
import { BASE_TIMEOUT_MS, POOL_TIMEOUT_MS, showFiles } from './layers.ts'
import { withPoolLock } from './lock.ts'
import type { Container } from './store.ts'

/** Throws what runTemplate() and the driver throw; the caller takes everything back. */
export async function fillContainer(host: Host, container: Container, driver: StorageDriver, place: StoragePlace, run: TemplateRun): Promise<void> {
  const request = driver.type === 'overlay' ? await askForLayer(host, container, run) : await plainRun(host, run)
  if (request === null) return driver.commit(host, place)
  if ('key' in request) {
    await startFromBase(host, container, place, request).catch(async (error: unknown) => {
      // Between the template's end and the copy nobody held the tree's lock: a flush or a refresh may have waited for it.
      const again = isCurrent(host, request) ? null : await askForLayer(host, container, run)
      if (again === null || !('key' in again)) throw error
      await startFromBase(host, container, place, again)
    })
    return customise(host, container, run)
  }
  const release = await holdBlobs(host, request.store, run.signal)
  try {
    await startFromImage(host, container, place, request, run.signal)
    await customise(host, container, run)
  } finally {
    await release()
  }
}

async function customise(host: Host, container: Container, run: TemplateRun): Promise<void> {
  await showFiles(host, container)
  await runTemplate(host, { ...run, env: { ...run.env, TLXC_LAYER_REQUEST: undefined, TLXC_LAYER_STAGE: 'customise' } })
}

async function plainRun(host: Host, run: TemplateRun): Promise<null> {
  await runTemplate(host, { ...run, env: { ...run.env, TLXC_LAYER_REQUEST: undefined, TLXC_LAYER_STAGE: undefined } })
  return null
}

/** The contract is in templates/lib.sh. A template that does not know it fills the directory as always. */
async function askForLayer(host: Host, { dir }: Container, run: TemplateRun): Promise<LayerRequest | ImageRequest | null> {
  const file = `${dir}/.layer-request`
  host.fs.writeFileSync(file, '', { flag: 'wx', mode: 0o600 })
  try {
    await runTemplate(host, { ...run, env: { ...run.env, TLXC_LAYER_REQUEST: file, TLXC_LAYER_STAGE: undefined } })
    const text = host.fs.readFileSync(file, 'utf8')
    return parseImageRequest(text) ?? parseLayerRequest(text)
  } finally {
    host.fs.rmSync(file, { force: true })
  }
}

/** Of two creates of one key one copies the tree, the other waits and finds the layer. */
async function startFromBase(host: Host, container: Container, place: StoragePlace, request: LayerRequest): Promise<void> {
  const { lxcpath } = container
  const lock = await host.lock(`${runBase(host.paths, lxcpath)}/.locks/${baseLockName(request.key)}`, { timeoutMs: BASE_TIMEOUT_MS, purpose: `copy of ${request.key}` })
  const releases: (() => void)[] = []
  try {
    await withEntries(host, lxcpath, async (entries) => {
      const { pool } = entries
      // A reference to a layer that exists: who collects looks at it before or after.
      const take = (layer: () => string | undefined): Promise<boolean> =>
        withPoolLock(host, lxcpath, `create of ${container.name}`, POOL_TIMEOUT_MS, async () => {
          const found = layer()
          if (found !== undefined) await putStack(host, place, pool, { upper: entries.upper(), lowers: [found] })
          return found !== undefined
        })
      if (await take(() => findBase(host, lxcpath, request.key)?.layer)) return
      const made = await makeBase(host, lxcpath, { ...treeBase(host, request), made: (layer) => releases.push(holdEntries(host, pool, [layer])) })
      await take(() => made.layer)
    })
  } finally {
    for (const release of releases) release()
    await lock.release()
  }
}
