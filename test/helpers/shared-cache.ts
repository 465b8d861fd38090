/**
 * Templates' cache of all runs on this machine, as the cache of this one: downloading a distribution each time would test the mirror,
 * not us. The templates' own locks keep two runs apart; keys change with the templates.
 */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { binDir, run } from './e2e.ts'

export function useSharedCache(): void {
  const shared = '/var/cache/tlxc-e2e'
  mkdirSync(shared, { recursive: true, mode: 0o700 })
  const cache = join(process.env['TLXC_ROOT'] ?? '', 'var/cache/tlxc')
  if (existsSync(cache)) return
  mkdirSync(join(cache, '..'), { recursive: true })
  symlinkSync(shared, cache)
}

/** tlxc-create that may have to download and unpack a distribution first, on a machine that has other things to do. */
export async function slowCreate(...args: string[]): Promise<void> {
  const { code, stderr } = await run(join(binDir, 'tlxc-create'), args, { timeoutMs: 580_000 })
  if (code !== 0) throw new Error(`tlxc-create ${args.join(' ')} ended with ${code}:\n${stderr}`)
}
