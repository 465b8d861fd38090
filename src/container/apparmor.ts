/** Loads a generated AppArmor profile into the kernel; takes it away with its container. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { profileName, type ApparmorProfile } from '../launch/apparmor.ts'
import type { Container } from './store.ts'

const KERNEL = '/sys/kernel/security/apparmor'

/** Nothing to do for a profile that has no text: it must be loaded already. Throws TlxcError START. */
export async function loadApparmor(host: Host, profile: ApparmorProfile): Promise<void> {
  if (profile.text === undefined) return
  const directory = directoryOf(host)
  host.fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = `${directory}/${profile.name}`
  // The parser takes 100 ms; a kernel that has this very text loaded needs it no more.
  if (isLoaded(host, profile.name) && readText(host, file) === profile.text) return
  host.writeFileAtomic(file, profile.text, 0o600)
  const { exitCode, stderr } = await host.exec('apparmor_parser', ['--replace', '--write-cache', `--cache-loc=${directory}/cache`, file])
  if (exitCode === 0) return
  throw new TlxcError('START', `cannot load the AppArmor profile "${file}": ${stderr.trim().split('\n').at(-1) ?? ''}`, {
    hint: 'correct lxc.apparmor.raw, or set lxc.apparmor.profile = unconfined',
  })
}

/** What start leaves for the next one: profile, its text, and what the parser made of it. A profile that cannot go confines nobody. */
export function forgetApparmor(host: Host, { lxcpath, name }: Container): void {
  const profile = profileName(lxcpath, name)
  const directory = directoryOf(host)
  if (!host.fs.existsSync(`${directory}/${profile}`)) return
  try {
    if (isLoaded(host, profile)) host.fs.writeFileSync(`${KERNEL}/.remove`, profile)
  } catch {
    // In a container of an outer tlxc the policy of the host is not ours to change.
  }
  // One folder for each set of features that a kernel had: apparmor_parser(8), --print-cache-dir.
  const caches = host.fs.existsSync(`${directory}/cache`) ? host.fs.readdirSync(`${directory}/cache`) : []
  for (const file of [...caches.map((cache) => `cache/${cache}/${profile}`), profile]) host.fs.rmSync(`${directory}/${file}`, { force: true })
}

function directoryOf(host: Host): string {
  return `${host.paths.cache}/apparmor`
}

function isLoaded(host: Host, name: string): boolean {
  return (readText(host, `${KERNEL}/profiles`) ?? '').split('\n').some((line) => line.startsWith(`${name} (`))
}

function readText(host: Host, path: string): string | null {
  return host.fs.existsSync(path) ? host.fs.readFileSync(path, 'utf8') : null
}
