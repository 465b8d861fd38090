/** Ephemeral containers whose monitor was killed, or that a power cut stopped: what the monitor would have done is done by the next clone. */
import { errnoOf, TlxcError } from '../errors.ts'
import { destroyLocked, type DestroyContext, type Destroyed } from './destroy.ts'
import { withLock } from './lock.ts'
import { isLeftOver } from './started-mark.ts'
import { containerAt, nameProblem, type Container } from './store.ts'

/** Whatever is in the way of one, which is told, keeps nobody from anything. One that a command is working on is left alone. */
export async function sweepEphemeral(ctx: DestroyContext, lxcpath: string): Promise<void> {
  const { host, log } = ctx
  const containers = namesIn(ctx, lxcpath).map((name) => containerAt(host, lxcpath, name))
  for (const container of containers.filter((one) => isLeftOver(host, one))) {
    try {
      if (await sweepOne(ctx, container)) log.warn(`${container.name} is ephemeral and had stopped, but was still there: destroyed it`)
    } catch (error) {
      if (!(error instanceof TlxcError)) throw error
      log.warn(`${container.name} is ephemeral and has stopped, but could not be destroyed: ${error.message}`)
    }
  }
}

/** As the monitor's command does it. The caller holds the container's lock, and saw that it is left over. */
export async function destroyLeftOver(ctx: DestroyContext, container: Container): Promise<Destroyed> {
  return destroyLocked(ctx, container, { name: container.name, lxcpath: container.lxcpath, force: false, snapshots: true, purge: true })
}

/** False: somebody was quicker, or is at it. */
async function sweepOne(ctx: DestroyContext, container: Container): Promise<boolean> {
  let held = false
  try {
    return await withLock(ctx.host, container, 'destroy', 0, async () => {
      held = true
      if (!isLeftOver(ctx.host, container)) return false
      await destroyLeftOver(ctx, container)
      return true
    })
  } catch (error) {
    if (!held && error instanceof TlxcError && error.code === 'BUSY') return false
    throw error
  }
}

function namesIn({ host }: DestroyContext, lxcpath: string): string[] {
  try {
    return host.fs.readdirSync(lxcpath).filter((name) => nameProblem(name) === null)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
