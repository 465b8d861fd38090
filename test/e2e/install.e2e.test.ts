/** install:system and uninstall:system in a DESTDIR: what is installed works there, and exactly that goes again. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PROGRAMS } from '../../src/cli/registry.ts'
import { LXC_LEVEL, VERSION } from '../../src/version.ts'
import { repoRoot, run } from '../helpers/e2e.ts'

let destdir: string
const at = (path: string): string => join(destdir, path)

beforeAll(() => {
  destdir = mkdtempSync('/var/tmp/tlxc-install-')
})
afterAll(() => {
  rmSync(destdir, { recursive: true, force: true })
})

function script(name: string, ...args: string[]): string {
  return execFileSync('sh', [join(repoRoot, 'src/dev', name), ...args], {
    encoding: 'utf8',
    env: { ...process.env, DESTDIR: destdir, PREFIX: '/usr/local' },
  })
}

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(destdir.length))
}

describe('install:system', () => {
  it('installs every program, its page, its completion, and what they read', () => {
    expect(script('install-system.sh', '--compat-links')).toMatch(/^install: installed \d+ files below /m)
    for (const { name } of PROGRAMS) {
      expect(existsSync(at(`/usr/local/bin/tlxc-${name}`)), name).toBe(true)
      expect(existsSync(at(`/usr/local/bin/lxc-${name}`)), name).toBe(name !== 'net')
      expect(existsSync(at(`/usr/local/share/man/man1/tlxc-${name}.1`)), name).toBe(true)
      expect(existsSync(at(`/usr/local/share/bash-completion/completions/tlxc-${name}`)), name).toBe(true)
    }
    for (const helper of ['monitor', 'stage', 'attach']) expect(statSync(at(`/usr/local/libexec/tlxc/${helper}`)).mode & 0o777).toBe(0o755)
    for (const dir of ['/var/lib/tlxc', '/var/cache/tlxc']) expect(statSync(at(dir)).mode & 0o777).toBe(0o700)
    for (const file of filesBelow(at('/usr/local/share/tlxc'))) expect(readFileSync(at(file), 'utf8'), file).not.toMatch(/@[A-Z_]+@|build\/prefix/)
  })

  it('what is installed runs from there, by either name', async () => {
    expect((await run(at('/usr/local/bin/tlxc'), ['version'])).stdout).toBe(`${VERSION}\n`)
    expect((await run(at('/usr/local/bin/tlxc-info'), ['--version'])).stdout).toBe(`${VERSION}\n`)
    expect((await run(at('/usr/local/bin/lxc-info'), ['--version'])).stdout).toBe(`${LXC_LEVEL}\n`)
  })

  it('keeps configuration that people changed, replaces what they did not', () => {
    appendFileSync(at('/etc/tlxc/default.conf'), '# mine\n')
    // As if an earlier version had shipped other files: default.conf changed by hand, tlxc.conf as it was shipped.
    const conffiles = at('/usr/local/lib/tlxc/conffiles')
    writeFileSync(at('/etc/tlxc/tlxc.conf'), '# of an earlier version\n')
    const sum = execFileSync('sha256sum', { input: '# of an earlier version\n', encoding: 'utf8' }).split(' ')[0] ?? ''
    const old = readFileSync(conffiles, 'utf8').replace(/^\w+(?= \/etc\/tlxc\/tlxc.conf$)/m, sum).replace(/^\w+(?= \/etc\/tlxc\/default.conf$)/m, '0')
    writeFileSync(conffiles, old)
    expect(script('install-system.sh')).toContain('/etc/tlxc/default.conf was changed here: the new one is /etc/tlxc/default.conf.new')
    expect(readFileSync(at('/etc/tlxc/default.conf'), 'utf8')).toMatch(/# mine\n$/)
    expect(readFileSync(at('/etc/tlxc/default.conf.new'), 'utf8')).not.toContain('# mine')
    expect(readFileSync(at('/etc/tlxc/tlxc.conf'), 'utf8')).toBe(readFileSync(join(repoRoot, 'etc/tlxc.conf'), 'utf8'))
    expect(existsSync(at('/usr/local/bin/lxc-info')), 'links that were not asked for this time').toBe(false)
  })
})

describe('uninstall:system', () => {
  it('removes what was installed and nothing else', () => {
    writeFileSync(at('/usr/local/bin/other'), '')
    execFileSync('mkdir', [at('/var/lib/tlxc/c1')])
    const said = script('uninstall-system.sh')
    expect(said).toContain('keeping /etc/tlxc/default.conf: it was changed here')
    expect(said).toContain(`containers and their files stay in ${at('/var/lib/tlxc')}`)
    expect(filesBelow(destdir).sort()).toEqual(['/etc/tlxc/default.conf', '/usr/local/bin/other'])
    expect(existsSync(at('/var/lib/tlxc/c1'))).toBe(true)
    for (const dir of ['lib/tlxc', 'libexec/tlxc', 'share/tlxc']) expect(existsSync(at(`/usr/local/${dir}`)), dir).toBe(false)
    expect(script('uninstall-system.sh')).toMatch(/^uninstall: nothing of tlxc below /)
  })
})
