/**
 * --cloud-init with the real cloud-init of Debian's mirror: what the seed says happens at the first boot, and once. Downloads and unpacks a
 * Debian with Python: only with TLXC_TEST_SLOW=1 (vitest.config.ts).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, freshName, leavesNothing, must, tlxc } from '../helpers/e2e.ts'
import { slowCreate, useSharedCache } from '../helpers/shared-cache.ts'

const [first, second] = [freshName('seed'), freshName('seed')]
const scratch = mkdtempSync('/var/tmp/tlxc-seed-')
const inside = (name: string, ...command: string[]): Promise<string> => must('attach', '-n', name, '--', ...command)

/** Both from the cache of the same packages: what differs is the seed. */
async function start(name: string, ...options: string[]): Promise<void> {
  const seed = join(scratch, name)
  writeFileSync(seed, `#cloud-config
users:
  - name: ann
    gecos: of ${name}
    shell: /bin/bash
write_files:
  - path: /etc/seeded
    permissions: '0640'
    content: |
      written for ${name}
runcmd:
  - echo ran >>/root/ran
`)
  await slowCreate('-q', '-n', name, '-t', 'debian', '--', '--packages=cloud-init', `--cloud-init=${seed}`, ...options)
  await must('start', '-n', name)
  await seeded(name)
}

async function seeded(name: string): Promise<void> {
  await eventually(`cloud-init of ${name}`, async () => /^status: (done|error)$/m.exec((await tlxc('attach', '-n', name, '--', 'cloud-init', 'status')).stdout)?.[1], 120_000)
}

beforeAll(async () => {
  useSharedCache()
  await start(first, '--hostname=web.example.org')
  await start(second)
}, 1_200_000)
afterAll(async () => {
  for (const name of [first, second]) {
    await tlxc('destroy', '-f', '--purge', '-n', name)
    await leavesNothing(name)
  }
  rmSync(scratch, { recursive: true })
})

test.each([first, second])('%s: user, file and command of its own seed', async (name) => {
  expect(await inside(name, 'cloud-init', 'status', '--long')).toMatch(/^status: done$[^]*DataSourceNoCloud \[seed=\/var\/lib\/cloud\/seed\/nocloud-net\]/m)
  expect(await inside(name, 'getent', 'passwd', 'ann')).toBe(`ann:x:1000:1000:of ${name}:/home/ann:/bin/bash\n`)
  expect(await inside(name, 'cat', '/etc/seeded')).toBe(`written for ${name}\n`)
  expect(await inside(name, 'stat', '-c', '%a', '/etc/seeded')).toBe('640\n')
  expect(await inside(name, 'cat', '/root/ran')).toBe('ran\n')
})

test('the host name is the one that was asked for, or the container\'s; the network is up, no unit failed', async () => {
  expect([await inside(first, 'hostname', '--fqdn'), await inside(second, 'hostname')]).toEqual(['web.example.org\n', `${second}\n`])
  for (const name of [first, second]) {
    await eventually('an address', async () => /\d+\.\d+\.\d+\.\d+/.exec(await must('info', '-n', name, '-iH'))?.[0])
    expect(await inside(name, 'systemctl', '--failed', '--no-legend', '--plain')).toBe('')
  }
})

test('once: another boot does nothing of it again', async () => {
  await must('stop', '-n', first)
  await must('start', '-n', first)
  await seeded(first)
  expect(await inside(first, 'cat', '/root/ran')).toBe('ran\n')
})
