/** Another name for a stopped container: one rename, which its snapshots, layers and clones do not notice. */
import { basename } from 'node:path'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { ConfigDocument } from '../config/document.ts'
import { commitJournal, type Step } from '../storage/journal.ts'
import type { Stack } from '../storage/stack.ts'
import { forgetApparmor } from './apparmor.ts'
import { renamedConfig } from './copy-config.ts'
import { otherNameOf } from './load-config.ts'
import { hideFiles, inContainer, newNameFile, openLayers, POOL_TIMEOUT_MS, showFiles } from './layers.ts'
import { withLock, withPoolLock } from './lock.ts'
import { sweepPartial } from './partial.ts'
import { PLAIN_ASIDE_CONFIG } from './plain.ts'
import { renameRelations } from './relations.ts'
import { requireDefined } from './require.ts'
import { stackCommit } from './snapshot.ts'
import { snapshotNames } from './snapshots.ts'
import { containerStatus } from './state.ts'
import type { StorageContext } from './storage-context.ts'
import { containerAt, readConfigText, type Container } from './store.ts'

/** Throws TlxcError NAME, NOT_DEFINED, EXISTS, RUNNING, BUSY; then it has its old name. */
export async function renameContainer(ctx: StorageContext, from: Container, newName: string, { keepName = false } = {}): Promise<Container> {
  const { host } = ctx
  const to = containerAt(host, from.lxcpath, newName)
  if (to.dir === from.dir) throw exists(to)
  const [first, second] = from.dir < to.dir ? [from, to] : [to, from]
  const purpose = `rename of ${from.name} to ${to.name}`
  return withLock(host, first, purpose, ctx.lockTimeoutMs, () =>
    withLock(host, second, purpose, ctx.lockTimeoutMs, async () => {
      requireDefined(host, from)
      if ((await containerStatus(host, from, { locked: true, onKilled: ctx.log.warn })) !== null) {
        throw new TlxcError('RUNNING', `cannot rename "${from.name}": it is running`, { hint: `stop it first: tlxc-stop ${from.name}` })
      }
      const layered = openLayers(host, from, ctx.log.warn)
      await sweepPartial(host, to)
      if (host.fs.existsSync(to.dir)) throw exists(to)
      if (layered !== null) await hideFiles(host, layered)
      try {
        // What refers to layers moves; who collects looks at it before or after.
        await withPoolLock(host, from.lxcpath, purpose, POOL_TIMEOUT_MS, () =>
          commitJournal(host, { lxcpath: from.lxcpath, directory: from.dir }, {
            version: 1, purpose, steps: [...configSteps(host, from, to, keepName), ...asideStep(host, from, to, keepName, layered?.stack ?? null), ...renameRelations(host, from, to), ...hostNameSteps(from, to, keepName || layered === null)], commit: { do: 'rename', from: from.name, to: to.name },
          }))
        forgetApparmor(host, from)
      } finally {
        await showFiles(host, host.fs.existsSync(to.dir) ? to : from)
      }
      return to
    }))
}

/** Its own configuration, those of its snapshots, and what a restore put aside: paths in its directory are called otherwise now. */
function configSteps(host: Host, from: Container, to: Container, keepName: boolean): Step[] {
  const files = ['config', ...snapshotNames(host, from).map((name) => `snaps/${name}/config`)]
  if (host.fs.existsSync(`${from.dir}/${PLAIN_ASIDE_CONFIG}`)) files.push(PLAIN_ASIDE_CONFIG)
  const own = byOwnName(host, from)
  return files.map((file) => {
    const before = readConfigText(host, from, `${from.dir}/${file}`)
    return { do: 'write', path: inContainer(from, file), before, after: renamedConfig(own(before), from, to, keepName), mode: 0o640 }
  })
}

/** Paths by a link that leads to its directory become those that renamedConfig() looks for. */
function byOwnName(host: Host, { dir, configFile }: Container): (text: string) => string {
  const [path = ''] = ConfigDocument.parse(host.fs.readFileSync(configFile, 'utf8')).values('lxc.rootfs.path')
  const other = otherNameOf(host, dir, path.replace(/^[a-z]+:/, ''))
  return (text) => (other === null ? text : text.split(`${other}/`).join(`${dir}/`))
}

/** Layered: what a restore put aside has its configuration in the stack. */
function asideStep(host: Host, from: Container, to: Container, keepName: boolean, stack: Stack | null): Step[] {
  if (stack === null || stack.aside === null) return []
  const config = renamedConfig(byOwnName(host, from)(stack.aside.config), from, to, keepName)
  return [stackCommit(from, stack, { ...stack, aside: { ...stack.aside, config } })]
}

/** Its files get the name when they are shown, by this command or after a crash by the next one. */
function hostNameSteps(from: Container, to: Container, keep: boolean): Step[] {
  if (keep) return []
  return [{ do: 'write', path: inContainer(from, basename(newNameFile(from.dir))), before: null, after: to.name, mode: 0o600 }]
}

function exists({ name, dir }: Container): TlxcError {
  return new TlxcError('EXISTS', `cannot make "${name}": Container already exists`, { hint: `it is "${dir}"; choose another name` })
}
