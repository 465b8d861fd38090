/** The tree of a finished Debian from the shared cache: what fixtures of other package formats repackage, so that they boot. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { freshName, must } from './e2e.ts'
import { slowCreate, useSharedCache } from './shared-cache.ts'

/** Any that has systemd does: it is what is inside a package, not what is tested. */
export async function debianTree(): Promise<string> {
  useSharedCache()
  const found = findTree()
  if (found !== undefined) return found
  const name = freshName('tree')
  await slowCreate('-q', '-n', name, '-t', 'debian')
  await must('destroy', '-n', name)
  const made = findTree()
  if (made === undefined) throw new Error('the cache has no tree of Debian with systemd')
  return made
}

function findTree(): string | undefined {
  const cache = join(process.env['TLXC_ROOT'] ?? '', 'var/cache/tlxc/debian')
  const entries = existsSync(cache) ? readdirSync(cache) : []
  const finished = entries.filter((entry) => /^debian-/.test(entry)).map((entry) => join(cache, entry, 'rootfs'))
  return finished.find((tree) => existsSync(join(tree, 'lib/systemd/systemd')) && existsSync(join(tree, 'lib/systemd/systemd-resolved')))
}
