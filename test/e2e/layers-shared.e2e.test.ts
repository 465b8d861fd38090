/** One layer in containers of different id ranges and in a privileged one: whoever looks from inside finds the same. */
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshName, leavesNothing, must } from '../helpers/e2e.ts'

const origin = freshName('share')
const other = `${origin}-b`
const privileged = `${origin}-p`
let scratch = ''
let lxcpath = ''
beforeAll(async () => {
  scratch = mkdtempSync('/var/tmp/tlxc-share-')
  lxcpath = join(scratch, 'lxc')
  mkdirSync(lxcpath, { mode: 0o711 })
  await must('create', '-P', lxcpath, '-q', '-n', origin, '-t', 'busybox')
  fill()
  await must('snapshot', '-P', lxcpath, '-n', origin)
  change()
  for (const name of [other, privileged]) await clone(origin, name)
  makePrivileged(privileged)
})
afterAll(async () => {
  const names = readdirSync(lxcpath).filter((name) => !name.startsWith('.'))
  for (const name of names.reverse()) await must('destroy', '-P', lxcpath, '-f', '-s', '--purge', '-n', name)
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(scratch)
  rmSync(scratch, { recursive: true })
})

const root = (path: string): string => join(lxcpath, origin, 'rootfs', path)
const config = (name: string): string => readFileSync(join(lxcpath, name, 'config'), 'utf8')
const clone = (from: string, to: string): Promise<string> => must('copy', '-P', lxcpath, '-n', from, '-N', to, '-s')
const inside = (name: string, script: string, uid = 0): Promise<string> => must('attach', '-P', lxcpath, '-n', name, '-u', `${uid}`, '-g', `${uid}`, '--', 'sh', '-c', script)

/** A program of this machine with its libraries: busybox has neither ACLs nor capabilities of files. */
function addProgram(program: string, to = `/usr/bin/${program}`): void {
  const file = execFileSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin; command -v ${program}`]).toString().trim()
  const libraries = [...execFileSync('ldd', [file]).toString().matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => library)
  for (const [source, target] of [[file, to], ...libraries.map((library) => [library, library])] as [string, string][]) {
    mkdirSync(dirname(root(target)), { recursive: true })
    rmSync(root(target), { force: true })
    cpSync(realpathSync(source), root(target))
  }
}

function fill(): void {
  addProgram('getcap')
  addProgram('setcap')
  addProgram('getfacl')
  addProgram('id', '/s/suid')
  addProgram('cat', '/s/capable')
  for (const directory of ['opaque', 'old']) mkdirSync(root(`s/${directory}`))
  for (const file of ['secret', 'acl', 'gone', 'owned', 'far', 'opaque/lower', 'old/kept', 'one']) writeFileSync(root(`s/${file}`), `${file}\n`)
  linkSync(root('s/one'), root('s/two'))
  chownSync(root('s/owned'), 1000, 65535)
  chownSync(root('s/far'), 70000, 70001)
  chmodSync(root('s/suid'), 0o4755)
  for (const file of ['secret', 'acl']) chmodSync(root(`s/${file}`), 0o600)
  execFileSync('setcap', ['cap_dac_read_search=ep', root('s/capable')])
  execFileSync('setfacl', ['-m', 'u:1000:r,g:2000:rw', root('s/acl')])
}

/** What only a second layer can have. */
function change(): void {
  rmSync(root('s/gone'))
  rmSync(root('s/opaque'), { recursive: true })
  mkdirSync(root('s/opaque'))
  writeFileSync(root('s/opaque/upper'), 'upper\n')
  renameSync(root('s/old'), root('s/moved'))
}

function makePrivileged(name: string): void {
  const text = config(name).split('\n').filter((line) => !/^lxc\.idmap|^lxc\.rootfs\.options|^lxc\.include.*userns\.conf/.test(line)).join('\n')
  writeFileSync(join(lxcpath, name, 'config'), text)
}

const rangeOf = (name: string): string => /^lxc\.idmap = u 0 (\d+)/m.exec(config(name))?.[1] ?? 'none'
const layersOf = (name: string): string[] => (JSON.parse(readFileSync(join(lxcpath, name, 'storage.json'), 'utf8')) as { lowers: string[] }).lowers

/** written: after the container has changed owner, mode and directories itself. */
async function expectRight(name: string, written: boolean): Promise<void> {
  const far = rangeOf(name) === 'none' ? '70000:70001' : '65534:65534'
  expect(await inside(name, 'cd /s; for f in suid secret owned far moved/kept; do stat -c "%u:%g %a %n" $f; done'), name)
    .toBe(`0:0 4755 suid\n0:0 600 secret\n1000:65535 644 owned\n${far} 644 far\n0:0 ${written ? 640 : 644} moved/kept\n`)
  // As somebody else inside: set-uid, capabilities of files and ACLs do what they are for, and what is closed is closed.
  expect(await inside(name, '/s/suid -u; /s/capable /s/secret; cat /s/acl; cat /s/secret 2>/dev/null || echo closed', 1000), name).toBe('0\nsecret\nacl\nclosed\n')
  expect(await inside(name, 'getcap -n /s/capable'), name).toBe('/s/capable cap_dac_read_search=ep\n')
  expect(await inside(name, 'getfacl -ncp /s/acl | grep :[0-9]'), name).toBe('user:1000:r--\ngroup:2000:rw-\n')
  expect(await inside(name, 'cd /s; ls opaque moved; ls -d gone old 2>/dev/null; stat -c %h one; [ one -ef two ] && echo linked; cat moved/kept opaque/upper'), name)
    .toBe(`moved:\nkept\n\nopaque:\nupper\n${written ? '1\n' : '2\nlinked\n'}old/kept\nupper\n`)
}

/** Copies every kind of file up. A link that a layer has separates from its other name; the manual says so. */
async function writeAll(name: string): Promise<void> {
  await inside(name, `cd /s; touch secret owned acl capable suid; chmod 640 moved/kept; echo more >>one
    echo mine >own; chown 1234:65535 own; mv moved again; mv again moved; rm opaque/upper; echo upper >opaque/upper
    cp capable mycap; setcap cap_dac_read_search=ep mycap`)
  expect(await inside(name, 'cat /s/two; stat -c %u:%g /s/own; /usr/bin/getcap -n /s/mycap'), name).toBe('one\n1234:65535\n/s/mycap cap_dac_read_search=ep\n')
  expect(await inside(name, '/s/mycap /s/secret', 1000), name).toBe('secret\n')
}

async function running(name: string, work: () => Promise<void>): Promise<void> {
  await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net=')
  await work()
  await must('stop', '-P', lxcpath, '-k', '-n', name)
  await leavesNothing(name)
}

test('they share layers and no ids', () => {
  const [a, b, p] = [origin, other, privileged].map((name) => layersOf(name))
  expect(b).toEqual(p)
  expect(a).toEqual(b)
  expect(new Set([origin, other, privileged].map(rangeOf)).size).toBe(3)
  expect(rangeOf(privileged)).toBe('none')
})

test.each([['origin', origin], ['another range', other], ['privileged', privileged]])('%s: right as it is, after a write, and in what is made of it', async (_, name) => {
  await running(name, async () => {
    await expectRight(name, false)
    await writeAll(name)
    await expectRight(name, true)
  })
  await must('snapshot', '-P', lxcpath, '-n', name)
  const made = `${name}-x`
  await clone(name, made)
  await running(made, async () => {
    await expectRight(made, true)
    expect(await inside(made, 'stat -c %u:%g /s/own; /s/mycap /s/secret >/dev/null && echo ok')).toBe('1234:65535\nok\n')
  })
})
