import { afterAll, expect, test } from 'vitest'
import { requireMappedTmpfs } from '../../../src/container/memory.ts'
import { containerAt } from '../../../src/container/store.ts'
import type { HostFacts } from '../../../src/launch/host-facts.ts'
import { makeTempHost } from '../../helpers/temp-host.ts'

const host = makeTempHost()
const container = containerAt(host, host.paths.lxcpath, 'c1')
afterAll(() => host.dispose())

test.each([
  [6, 1, true, false],
  [6, 3, true, true],
  [7, 0, true, true],
  [5, 19, false, true],
])('Linux %d.%d, unprivileged %s: a clone in memory is possible: %s', (major, minor, unprivileged, possible) => {
  host.facts = () => ({ kernel: [major, minor] }) as unknown as HostFacts
  const ask = (): void => requireMappedTmpfs(host, container, unprivileged)
  if (possible) expect(ask).not.toThrow()
  else expect(ask).toThrow(expect.objectContaining({ code: 'KERNEL', message: 'cannot keep a clone of "c1" in memory: Linux 6.1 does not map the ids of a tmpfs', hint: 'Linux 6.3 and newer do; or leave -t out' }) as Error)
})
