/** What cron and timeout(1) do to a command: nearly no environment, closed streams, signals; and the examples for it in etc/. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDir, eventually, must, repoRoot, run, tlxc, type Result } from '../helpers/e2e.ts'

let scratch = ''
let lxcpath = ''
const root = (name: string, path: string): string => join(lxcpath, name, 'rootfs', path)

beforeAll(async () => {
  scratch = mkdtempSync('/var/tmp/tlxc-cron-')
  lxcpath = join(scratch, 'lxc')
  mkdirSync(lxcpath)
  writeFileSync(join(scratch, 'tiny'), TINY, { mode: 0o755 })
  await must('create', '-P', lxcpath, '-q', '-n', 'web', '-t', join(scratch, 'tiny'))
})
afterAll(async () => {
  for (const path of readdirSync(scratch).map((name) => join(scratch, name)).filter((path) => existsSync(join(path, '.pool')))) {
    for (const name of readdirSync(path).filter((one) => !one.startsWith('.'))) await must('destroy', '-P', path, '-s', '--purge', '-n', name)
  }
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(scratch)
  rmSync(scratch, { recursive: true })
})

const TINY = `#!/bin/sh
for a; do case $a in --rootfs=*) rootfs=\${a#*=};; esac; done
mkdir -p "$rootfs/etc" "$rootfs/data" && echo base >"$rootfs/data/file"
`

/** A line as cron runs it; streams: more redirections. */
function cron(line: string, streams = '</dev/null'): Result {
  const env = { PATH: `${binDir}:/usr/bin:/bin`, TLXC_ROOT: process.env['TLXC_ROOT'] ?? '' }
  const { status, signal, stdout, stderr } = spawnSync('/bin/sh', ['-c', `exec ${line} ${streams}`], { env, encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' })
  return { code: status, signal, stdout, stderr }
}

describe('from cron', () => {
  test.each(['</dev/null', '<&-', '<&- >&-'])('with %s a command is quiet when all goes well, and says what does not', (streams) => {
    const name = `s${streams.length}`
    expect(cron(`tlxc-snapshot -P ${lxcpath} -n web --name ${name}`, streams)).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(cron(`tlxc-snapshot -P ${lxcpath} --all --prune --keep-last 9`, streams)).toMatchObject({ code: 0, stdout: '', stderr: '' })
    const failed = cron(`tlxc-snapshot -P ${lxcpath} -n web --name ${name}`, streams)
    expect(failed).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^tlxc-snapshot: cannot take snapshot .*\n.*hint: .*\n$/) })
  })

  test('no example keeps its failure to itself', () => {
    for (const file of readdirSync(join(repoRoot, 'etc/examples'))) {
      const lines = readFileSync(join(repoRoot, 'etc/examples', file), 'utf8').split('\n')
      expect(lines.filter((line) => /\btlxc-(snapshot|export|import) .*(-q|--quiet)\b/.test(line)), file).toEqual([])
    }
  })

  test('the example of a replication goes on night after night, and takes a night that failed along', async () => {
    const backup = join(scratch, 'backup')
    const bin = join(scratch, 'bin')
    mkdirSync(backup)
    mkdirSync(bin)
    // The other machine is another path on this one.
    writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nshift\n[ ! -e ${scratch}/down ] || { cat >/dev/null; exit 255; }\nexec "$@" -P ${backup}\n`, { mode: 0o755 })
    for (const program of ['snapshot', 'export']) writeFileSync(join(bin, `tlxc-${program}`), `#!/bin/sh\nexec ${binDir}/tlxc-${program} -P ${lxcpath} "$@"\n`, { mode: 0o755 })
    const night = (): Promise<Result> => run('/bin/sh', [join(repoRoot, 'etc/examples/replicate'), 'web', 'other'], { env: { PATH: `${bin}:${binDir}:/usr/bin:/bin` } })
    const sent = async (): Promise<string[]> => (await must('snapshot', '-P', lxcpath, '-n', 'web', '-L')).split('\n').flatMap((line) => /^sent-\S+/.exec(line) ?? [])
    for (const [text, down] of [['one', false], ['two', false], ['three', true], ['four', false]] as const) {
      writeFileSync(root('web', 'data/file'), text)
      if (down) writeFileSync(join(scratch, 'down'), '')
      else rmSync(join(scratch, 'down'), { force: true })
      expect(await night()).toMatchObject({ code: down ? 1 : 0, stdout: '', stderr: '' })
      expect(readFileSync(join(backup, 'web/rootfs/data/file'), 'utf8')).toBe(down ? 'two' : text)
      expect(await sent()).toHaveLength(1)
      // Their names are of whole seconds.
      await new Promise((resolve) => setTimeout(resolve, 1100))
    }
  })
})

test('an export that timeout(1) ends, which signals twice, leaves no file', async () => {
  const big = Buffer.alloc(32 << 20)
  for (let at = 0; at < big.length; at += 4) big.writeUInt32LE((at * 2654435761) >>> 0, at)
  writeFileSync(root('web', 'data/big'), big)
  mkdirSync(join(scratch, 'out'))
  const { code, stderr } = await run('timeout', ['-s', 'INT', '0.4', join(binDir, 'tlxc-export'), '-P', lxcpath, 'web', join(scratch, 'out/web.tlxc'), '--level', '19'])
  expect([code, stderr]).toEqual([124, 'tlxc-export: web: interrupted by SIGINT\n'])
  expect(readdirSync(join(scratch, 'out'))).toEqual([])
  rmSync(root('web', 'data/big'))
})

test('a full copy ends with its command, also when that alone is signalled, and nothing of it stays', async () => {
  writeFileSync(root('web', 'data/big'), Buffer.alloc(400 << 20, 'x'))
  const entries = (): string[] => readdirSync(join(lxcpath, '.pool')).filter((name) => name.startsWith('t'))
  const before = entries()
  const child = spawn(join(binDir, 'tlxc-copy'), ['-P', lxcpath, '-n', 'web', '-N', 'web2'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const begun = (): boolean => entries().some((name) => !before.includes(name) && existsSync(join(lxcpath, '.pool', name, 'data')))
  await eventually('it copies', () => Promise.resolve(begun() || child.exitCode !== null))
  child.kill('SIGTERM')
  expect([await ended, stderr]).toEqual([143, 'tlxc-copy: web: interrupted by SIGTERM\n'])
  expect([existsSync(join(lxcpath, 'web2')), entries()]).toEqual([false, before])
  rmSync(root('web', 'data/big'))
})

describe('the file of a comment', () => {
  test.each([
    ['/dev/zero', 'cannot take "/dev/zero" as a comment: it is larger than 1 MiB'],
    ['/var', 'cannot read the comment "/var": it is a directory'],
    ['', 'its file has no name'],
  ])('%s', async (file, message) => {
    const { code, stderr } = await tlxc('snapshot', '-P', lxcpath, '-n', 'web', '-c', file)
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)])
  })

  test('that is a pipe is read to its end, once for all containers; and an interrupt ends the wait for it', async () => {
    const { code, stderr } = await run('/bin/bash', ['-c', `${binDir}/tlxc-snapshot -P ${lxcpath} -n 'w*' --name piped -c <(sleep 0.2; echo one; sleep 0.2; echo two)`])
    expect([code, stderr]).toEqual([0, ''])
    expect(readFileSync(join(lxcpath, 'web/snaps/piped/comment'), 'utf8')).toBe('one\ntwo\n')
    const pipe = join(scratch, 'pipe')
    spawnSync('mkfifo', [pipe])
    const ended = await run('timeout', ['-s', 'INT', '-k', '5', '0.5', join(binDir, 'tlxc-snapshot'), '-P', lxcpath, 'web', '-c', pipe])
    expect([ended.code, ended.stderr]).toEqual([124, 'tlxc-snapshot: interrupted by SIGINT\n'])
  })
})

test('a shell whose directory is no more, as after a restore, can still call the commands', async () => {
  const gone = join(scratch, 'gone')
  const { code, stdout, stderr } = await run('/bin/sh', ['-c', `mkdir ${gone} && cd ${gone} && rmdir ${gone} && ${binDir}/tlxc-ls -P ${lxcpath} -1`])
  expect([code, stdout, stderr]).toEqual([0, 'web\n', ''])
})

test('what is told of several containers says of which', async () => {
  await must('create', '-P', lxcpath, '-q', '-n', 'bare', '-t', join(scratch, 'tiny'))
  expect(await must('snapshot', '-P', lxcpath, '--all', '--prune', '--keep-last', '1', '--dry-run')).toMatch(/^bare:\nNo snapshots\nweb:\nNAME/)
  expect(await must('snapshot', '-P', lxcpath, '--all', '--tree')).toMatch(/^bare:\nNAME[^]*\nweb:\nNAME/)
  expect(await must('snapshot', '-P', lxcpath, '--all', '-L')).toMatch(/^bare:\nNo snapshots\n\S+ \(.*\/web\/snaps\)/)
  expect(await must('snapshot', '-P', lxcpath, 'bare', '-L')).toBe('No snapshots\n')
  await must('destroy', '-P', lxcpath, '--purge', '-n', 'bare')
})

describe('a message is one line, and one for the mend', () => {
  test.each([
    [['snapshot', 'web', '-r', 'pipde'], 'did you mean piped? there are: '],
    [['snapshot', 'web', '-r', 'snap7'], 'hint: there are: '],
    [['snapshot', 'web', '-r', 'a\nb\x1b[2J'], 'cannot find snapshot "a?b?[2J" of "web"'],
    [['info', 'a\nb\x1b[2J'], 'tlxc-info: a?b?[2J: cannot use "a?b?[2J"'],
    [['snapshot', '--all', '--prune', '--keep-last', '-1'], "tlxc-snapshot: invalid value '-1' of --keep-last\n"],
  ])('%j', async (words, message) => {
    const [program = '', ...args] = words
    const { code, stdout, stderr } = await tlxc(program, '-P', lxcpath, ...args)
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining(message)])
    expect(stderr.split('\n')).toHaveLength(3)
  })
})
