/** The template contract is LXC's: the unmodified scripts of Debian's package lxc-templates make containers that start. */
import { existsSync, readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { join } from 'node:path'
import { binDir, freshName, leavesNothing, must, run, tlxc } from '../helpers/e2e.ts'

const templates = '/usr/share/lxc/templates'
const mirror = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s+)?)(http\S+?)\/?(?:\s|$)/m.exec(
  ['/etc/apt/sources.list', '/etc/apt/sources.list.d/debian.sources'].map((f) => (existsSync(f) ? readFileSync(f, 'utf8') : '')).join('\n'),
)?.[1]

describe.each([
  ['lxc-busybox', [] as string[]],
  ['lxc-debian', ['--', '-r', 'bookworm', `--mirror=${mirror}`, `--security-mirror=${mirror}-security`]],
])('%s', (template, args) => {
  const name = freshName('tmpl')
  afterAll(async () => {
    await tlxc('destroy', '-f', '-n', name)
    await leavesNothing(name)
  })

  test.skipIf(!existsSync(`${templates}/${template}`))(
    'creates, starts, attaches, stops',
    async () => {
      // LXC's own script downloads and unpacks a whole Debian: minutes on a slow machine.
      const create = ['-q', '-n', name, '-t', `${templates}/${template}`, ...args]
      expect(await run(join(binDir, 'tlxc-create'), create, { timeoutMs: 540_000 })).toMatchObject({ code: 0, signal: null })
      await must('start', '-n', name)
      expect(await must('attach', '-n', name, '--', 'hostname')).toBe(`${name}\n`)
      await must('stop', '-t', '30', '-n', name)
      expect(await must('info', '-n', name, '-sH')).toBe('STOPPED\n')
    },
    600_000,
  )
})
