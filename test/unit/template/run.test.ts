import { afterAll, describe, expect, test } from 'vitest'
import { runTemplate, templateCommand, type TemplateRun } from '../../../src/template/run.ts'
import { makeTempHost } from '../../helpers/temp-host.ts'

const host = makeTempHost()
afterAll(() => host.dispose())
const run: TemplateRun = {
  file: '/t/tlxc-x',
  directory: '/l/c 1',
  name: 'c 1',
  rootfs: '/l/c 1/rootfs',
  args: ['-r', '$(reboot)'],
  output: 'discard',
  onError: () => undefined,
  env: {},
  signal: new AbortController().signal,
}
const contract = ['/t/tlxc-x', '--path=/l/c 1', '--name=c 1', '--rootfs=/l/c 1/rootfs', '-r', '$(reboot)']

test('arguments are those of LXC, last, each its own word', () => {
  expect(templateCommand({ uid: 1000 }, run)).toEqual(contract)
  const command = templateCommand({ uid: 0 }, run)
  expect(command.slice(-contract.length)).toEqual(contract)
  expect(command.slice(0, -contract.length)).toEqual([
    'setpriv', '--pdeathsig', 'KILL', '--',
    'unshare', '--mount', '--propagation', 'slave', '--pid', '--fork', '--kill-child', '--mount-proc', '--',
  ])
})

describe('failures', () => {
  const failWith = (answer: { exitCode: number | null; signal?: string }, said: string): Promise<void> =>
    runTemplate({ ...host, exec: (_file, _args, options) => {
      options?.onOutput?.(said)
      return Promise.resolve({ signal: null, stdout: '', stderr: '', ...answer })
    } }, run)

  test('tell the status and the last words', async () => {
    await expect(failWith({ exitCode: 3 }, 'a\nb\r\nc \x1b[1m!\n\n')).rejects.toMatchObject({
      code: 'TEMPLATE',
      message: 'cannot create "c 1": template "/t/tlxc-x" failed with status 3: b; c  [1m!',
    })
  })

  test('tell the signal', async () => {
    await expect(failWith({ exitCode: null, signal: 'SIGSEGV' }, '')).rejects.toThrow('was killed by SIGSEGV')
  })

  test('a full disk has a code of its own', async () => {
    await expect(failWith({ exitCode: 1 }, 'cp: error writing: No space left on device\n')).rejects.toMatchObject({ code: 'SPACE' })
  })
})
