/** Once before and after all end-to-end tests: a root of their own, and the promise that nothing of it stays. */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binDir, repoRoot } from './e2e.ts'

export default function setup(): () => void {
  if (process.getuid?.() !== 0) throw new Error('end-to-end tests need root')
  if (!existsSync(join(binDir, 'tlxc'))) throw new Error('build/prefix is missing: run npm run build')
  // Short, because socket paths are limited to 107 bytes (unix(7)); /var/tmp, because /tmp may be a tmpfs.
  const root = mkdtempSync('/var/tmp/tlxc-e2e-')
  // As /: anybody may pass, what is below closes itself.
  chmodSync(root, 0o711)
  mkdirSync(join(root, 'lib/tlxc/rootfs'), { recursive: true })
  mkdirSync(join(root, 'etc'), { recursive: true })
  mkdirSync(join(root, 'etc/tlxc'))
  for (const file of ['tlxc.conf', 'default.conf']) cpSync(join(repoRoot, 'etc', file), join(root, 'etc/tlxc', file))
  const conf = join(root, 'etc/tlxc/tlxc.conf')
  writeFileSync(conf, `${existsSync(conf) ? readFileSync(conf, 'utf8') : ''}\n${TEST_SETTINGS}`)
  process.env['TLXC_ROOT'] = root
  process.env['TLXC_TEST_BRIDGE'] = bridge
  return () => {
    execFileSync(join(binDir, 'tlxc-net'), ['stop', '--force'], { stdio: 'inherit' })
    const left = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(root))
    if (left.length > 0) throw new Error(`mounts left behind:\n${left.join('\n')}`)
    rmSync(root, { recursive: true, force: true })
  }
}

/** One for each run, so that two runs on one machine do not share it. */
const bridge = `tlxct${process.pid}`

/** A bridge and an id pool that collide with nothing a machine may have; two runs at once would find the same network free. */
const TEST_SETTINGS = `
[network]
bridge = ${bridge}${process.env['TLXC_TEST_LANE'] === 'templates' ? '\nipv4 = 10.213.77.1/24' : ''}
[idmap]
start = 1879048192
count = 16777216
`
