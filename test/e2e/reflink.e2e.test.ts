/** Snapshots of running containers on filesystems that share blocks: a large file that is being written costs no copy under freeze. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { binDir, freshName, must } from '../helpers/e2e.ts'
import { Bench, makeImage, mountImage, type FileSystem } from '../helpers/loop-fs.ts'
import { PtyProcess } from '../helpers/pty.ts'

const bench = new Bench()
afterAll(() => bench.remove())

interface Extent {
  physical: number
  length: number
  shared: boolean
}

/** As the kernel tells them (FIEMAP), in blocks. */
function extentsOf(path: string): Extent[] {
  execFileSync('sync', ['-f', path])
  return execFileSync('filefrag', ['-v', path], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [, physical, length, flags = ''] = /^\s*\d+:\s+\d+\.\.\s+\d+:\s+(\d+)\.\.\s+\d+:\s+(\d+):(?:\s+\d+:)?\s*(.*)$/.exec(line) ?? []
      return physical === undefined ? [] : [{ physical: Number(physical), length: Number(length), shared: flags.includes('shared') }]
    })
}

/** Bytes that nothing else refers to. df(1) would count what xfs has set aside for a growing file. */
const own = (extents: readonly Extent[]): number => extents.reduce((sum, { length, shared }) => sum + (shared ? 0 : length * 4096), 0)

const MEGABYTES = 96
/** Over what the snapshot's warning begins with. */
const LARGE = MEGABYTES * 1024 * 1024

describe.each<FileSystem>(['xfs', 'btrfs', 'ext4'])('layers on %s', (type) => {
  const lxcpath = join(bench.path, `lxc-${type}`)
  const name = freshName(type)
  const inside = (script: string): Promise<string> => must('attach', '-P', lxcpath, '-n', name, '--', 'sh', '-c', script)
  const snapFile = (snap: string, path: string): string => {
    const { lowers } = JSON.parse(readFileSync(join(lxcpath, name, 'snaps', snap, 'storage.json'), 'utf8')) as { lowers: string[] }
    return join(lxcpath, '.pool', lowers[0] ?? '', path)
  }
  const upperFile = (path: string): string => {
    const { upper } = JSON.parse(readFileSync(join(lxcpath, name, 'storage.json'), 'utf8')) as { upper: string }
    return join(lxcpath, '.pool', upper, 'up', path)
  }

  test('a large file of the upper is cloned, still and while it is written; small ones are copied', async () => {
    const image = join(bench.images, `reflink-${type}`)
    makeImage(image, type, 1024)
    mkdirSync(lxcpath)
    mountImage(image, lxcpath, type)
    chmodSync(lxcpath, 0o755)
    await must('create', '-P', lxcpath, '-q', '-n', name, '-t', 'busybox')
    await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net=')
    await inside(`dd if=/dev/urandom of=/still bs=1M count=${MEGABYTES} 2>/dev/null; cp /still /hot; echo small >/small`)
    // Each line is whole, each number once and in order, in one moment's state of a file that grows all the time.
    await inside('(i=0; while :; do i=$((i+1)); echo "line $i" >>/hot; done) >/dev/null 2>&1 </dev/null &')

    const { results } = JSON.parse(await must('snapshot', '-P', lxcpath, '-n', name, '--json')) as { results: [{ snapshot: { copied_bytes: number; frozen_ms: number } }] }
    expect(results[0].snapshot.copied_bytes).toBeGreaterThan(2 * LARGE)
    expect(readFileSync(snapFile('snap0', 'small'), 'utf8')).toBe('small\n')
    expect(hashOf(snapFile('snap0', 'still'))).toBe(hashOf(upperFile('still')))
    consistent(snapFile('snap0', 'hot'))

    const [still, hot] = [extentsOf(snapFile('snap0', 'still')), extentsOf(snapFile('snap0', 'hot'))]
    if (type === 'ext4') {
      // The same look at a filesystem that cannot share.
      expect([own(still), own(hot)]).toEqual([LARGE, own(hot)])
      expect(own(hot)).toBeGreaterThanOrEqual(LARGE)
    } else {
      expect([still.length > 0, own(still)]).toEqual([true, 0])
      expect(still).toEqual(extentsOf(upperFile('still')))
      // Its end was written since, and so is the upper's own.
      expect(own(hot)).toBeLessThan(LARGE / 10)
    }
  })

  test('the hot file alone, again: a difference, and a warning only where it had to be copied', async () => {
    const terminal = new PtyProcess('012', join(binDir, 'tlxc-snapshot'), ['-P', lxcpath, '-n', name])
    expect((await terminal.ended).code).toBe(0)
    const files = readdirSync(join(snapFile('snap1', 'hot'), '..'))
    expect(files).toContain('hot')
    expect(files).not.toContain('still')
    consistent(snapFile('snap1', 'hot'))
    expect(statSync(snapFile('snap1', 'hot')).size).toBeGreaterThan(statSync(snapFile('snap0', 'hot')).size)
    const warned = /a file of \d+ MB was being written and had to be copied while it was frozen/.test(terminal.text)
    expect(warned).toBe(type === 'ext4')
    await must('stop', '-P', lxcpath, '-k', '-n', name)
    await must('destroy', '-P', lxcpath, '-s', '--purge', '-n', name)
  })

  /** The random part as it was, then lines 1, 2, 3, … */
  function consistent(path: string): void {
    const content = readFileSync(path)
    expect(createHash('sha256').update(content.subarray(0, LARGE)).digest('hex')).toBe(hashOf(upperFile('still')))
    const lines = content.subarray(LARGE).toString('latin1').split('\n')
    expect(lines.pop()).toBe('')
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.findIndex((line, index) => line !== `line ${index + 1}`)).toBe(-1)
  }
})

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}
