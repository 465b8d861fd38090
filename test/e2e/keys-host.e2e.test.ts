/** Configuration keys whose effect is seen on the host: hooks, network, log and console files, cgroups, lifecycle. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { eventually, freshName, leavesNothing, must, tlxc } from '../helpers/e2e.ts'
import { configFile, host, inside, lxcpath, NO_NET, script, started, work } from '../helpers/keys.ts'

const name = freshName('keysh')
/** Whose hooks may enter the directory of the tests. */
const privileged = freshName('keyshp')
const out = join(work, 'out')

beforeAll(async () => {
  mkdirSync(work, { recursive: true })
  await must('create', '-q', '-n', name, '-t', 'busybox')
  await must('create', '-q', '-n', privileged, '-t', 'busybox', '--privileged')
})
afterEach(() => rmSync(out, { force: true }))
afterAll(async () => {
  for (const each of [name, privileged]) {
    await tlxc('destroy', '-f', '-n', each)
    await leavesNothing(each)
  }
  rmSync(work, { recursive: true, force: true })
})

const said = (): string => readFileSync(out, 'utf8')

describe('hooks', () => {
  const TYPES = ['pre-start', 'pre-mount', 'mount', 'autodev', 'start-host', 'stop', 'post-stop'] as const
  const lines = (): string => {
    const file = script('hook', `{ echo "args $*"; env | grep ^LXC_ | sort; } >>${out}`)
    return TYPES.map((type) => `lxc.hook.${type} = ${file}\n`).join('')
  }
  const sections = (): string[] => said().split(/^args/m).slice(1)

  test('version 0 tells by arguments, in the order of LXC', async () => {
    await started(privileged, NO_NET + lines(), () => Promise.resolve())
    const calls = sections()
    expect(calls.map((call) => call.split('\n')[0]?.replace(/ mnt:.*/, ' NS'))).toEqual(
      TYPES.map((type) => ` ${privileged} lxc ${type}${type === 'stop' ? ' NS' : ''}`),
    )
    for (const call of calls) {
      expect(call).toContain(`LXC_NAME=${privileged}\n`)
      expect(call).toContain(`LXC_CONFIG_FILE=${configFile(privileged)}\n`)
      expect(call).toContain(`LXC_ROOTFS_PATH=${join(lxcpath, privileged, 'rootfs')}\n`)
      expect(call).toMatch(/LXC_ROOTFS_MOUNT=\/.*\nLXC_?/)
      expect(call).toContain('LXC_HOOK_VERSION=0\n')
    }
    expect(calls[4]).toMatch(/^LXC_PID=\d+$/m)
    expect(calls.slice(5).every((call) => call.includes('LXC_TARGET=stop'))).toBe(true)
  })

  test('version 1 tells by environment, namespaces of the stop hook included', async () => {
    await started(privileged, `${NO_NET}lxc.hook.version = 1\n${lines()}`, () => Promise.resolve())
    const calls = sections()
    expect(calls.map((call) => call.split('\n')[0])).toEqual(TYPES.map(() => ' '))
    expect(calls.map((call) => /^LXC_HOOK_TYPE=(.*)$/m.exec(call)?.[1])).toEqual([...TYPES])
    expect(calls.every((call) => call.includes('LXC_HOOK_SECTION=lxc\n'))).toBe(true)
    for (const kind of ['MNT', 'NET', 'PID', 'UTS', 'IPC', 'USER', 'CGROUP']) expect(calls[5]).toMatch(new RegExp(`^LXC_${kind}_NS=/proc/\\d+/fd/\\d+$`, 'm'))
  })

  test('start runs inside; environment.hooks is for hooks alone', async () => {
    const line = 'lxc.hook.start = /bin/sh -c "echo $HOOKED >/hooked"\nlxc.environment.hooks = HOOKED=yes\n'
    await started(name, NO_NET + line, async () => {
      expect(await inside(name, 'cat /hooked; echo "init ${HOOKED:-none}"')).toBe('yes\ninit none\n')
    })
  })

  test('a hook has no descriptor but its stdio', async () => {
    const file = script('fds', `ls /proc/self/fd >>${out}; echo end >>${out}`)
    await started(privileged, `${NO_NET}lxc.hook.mount = ${file}\nlxc.hook.start-host = ${file}\n`, () => Promise.resolve())
    expect(said().split('end\n').slice(0, 2)).toEqual(['0\n1\n2\n3\n', '0\n1\n2\n3\n'])
  })
})

describe('network', () => {
  const net = (...lines: string[]): string => `${NO_NET}${lines.map((line) => `lxc.net.0.${line}\n`).join('')}`
  afterEach(() => {
    for (const device of ['tlxckb', 'tlxck0', 'tlxck1']) spawnSync('ip', ['link', 'delete', device])
  })

  test('veth: names, addresses, gateway, queues, route of the host, scripts', async () => {
    host('ip', 'link', 'add', 'tlxckb', 'type', 'bridge')
    host('ip', 'address', 'add', '10.98.0.1/24', 'dev', 'tlxckb')
    host('ip', 'link', 'set', 'tlxckb', 'up')
    const file = script('net', `echo "$@" >>${out}`)
    const lines = net(
      'type = veth', 'link = tlxckb', 'flags = up', 'name = lan', 'veth.pair = tlxck0', 'hwaddr = 02:00:00:00:00:07', 'mtu = 1400', 'ipv4.address = 10.98.0.5/24',
      'ipv4.gateway = auto', 'ipv6.address = fd98::5/64', 'veth.ipv4.route = 192.0.2.0/28', 'veth.n_rxqueues = 2', `script.up = ${file}`, `script.down = ${file}`,
    )
    await started(name, lines, async () => {
      const seen = await inside(name, 'ip address show lan; ip route')
      expect(seen).toMatch(/mtu 1400[\s\S]*02:00:00:00:00:07[\s\S]*10\.98\.0\.5\/24 brd 10\.98\.0\.255[\s\S]*fd98::5\/64/)
      expect(seen).toContain('default via 10.98.0.1 dev lan')
      expect(host('ip', 'route', 'show', 'dev', 'tlxck0')).toContain('192.0.2.0/28')
      expect(host('ip', '-o', 'link', 'show', 'tlxck0')).toContain('master tlxckb')
      expect(await inside(name, 'ls -d /sys/class/net/lan/queues/rx-*')).toContain('rx-1')
    })
    expect(said()).toBe(`${name} net up veth tlxckb tlxck0\n${name} net down veth tlxckb tlxck0\n`)
    expect(existsSync('/sys/class/net/tlxck0')).toBe(false)
  })

  test('hook.version = 1: network scripts have an environment instead', async () => {
    const file = script('net', `echo "$# $LXC_HOOK_TYPE $LXC_HOOK_SECTION $LXC_NET_TYPE $LXC_NET_PEER" >>${out}`)
    await started(name, `${net('type = veth', 'veth.pair = tlxck0', `script.up = ${file}`)}lxc.hook.version = 1\n`, () => Promise.resolve())
    expect(said()).toBe('0 up net veth tlxck0\n')
  })

  test('veth.mode = router: no bridge, a gateway of the device itself', async () => {
    await started(name, net('type = veth', 'veth.mode = router', 'veth.pair = tlxck0', 'flags = up', 'ipv4.address = 10.98.0.9/32', 'ipv4.gateway = dev'), async () => {
      expect(await inside(name, 'ip route')).toMatch(/^default dev eth0/m)
      expect(host('ip', '-o', 'link', 'show', 'tlxck0')).not.toContain('master')
    })
  })

  test('one that root inside deletes: whoever has its name by then keeps it', async () => {
    await started(name, net('type = veth', 'veth.pair = tlxck0', 'flags = up'), async () => {
      await inside(name, 'ip link delete eth0')
      await eventually('the other end is gone, too', () => Promise.resolve(!existsSync('/sys/class/net/tlxck0')))
      host('ip', 'link', 'add', 'tlxck0', 'type', 'bridge')
    })
    expect(existsSync('/sys/class/net/tlxck0')).toBe(true)
  })

  test('an empty one takes no name', async () => {
    await started(name, `${net('type = empty')}lxc.net.1.type = veth\nlxc.net.1.flags = up\n`, async () => {
      expect(await inside(name, 'ls /sys/class/net')).toBe('eth0\nlo\n')
    })
  })

  test('macvlan', async () => {
    host('ip', 'link', 'add', 'tlxck0', 'type', 'veth', 'peer', 'name', 'tlxck1')
    await started(name, net('type = macvlan', 'macvlan.mode = bridge', 'link = tlxck0', 'name = mac0', 'flags = up'), async () => {
      expect(await inside(name, 'ls /sys/class/net')).toBe('lo\nmac0\n')
    })
  })

  test.each([['by its name', 'tlxck0'], ['by its beginning', 'tlxck0+']])('phys: moved in %s and back, as it was, even if root inside renames it', async (_what, link) => {
    host('ip', 'link', 'add', 'tlxck0', 'type', 'veth', 'peer', 'name', 'tlxck1')
    host('ip', 'link', 'set', 'tlxck0', 'address', '02:00:00:00:00:01', 'mtu', '1450')
    await started(name, net('type = phys', `link = ${link}`, 'name = nic0', 'mtu = 1300', 'hwaddr = 02:00:00:00:00:02', 'flags = up'), async () => {
      expect(existsSync('/sys/class/net/tlxck0')).toBe(false)
      expect(await inside(name, 'ip link show nic0')).toMatch(/mtu 1300[\s\S]*02:00:00:00:00:02/)
      await inside(name, 'ip link set nic0 down; ip link set nic0 name other')
    })
    expect(host('ip', 'link', 'show', 'tlxck0')).toMatch(/mtu 1450[\s\S]*02:00:00:00:00:01/)
  })
})

describe('log and console', () => {
  test('log.file, log.level', async () => {
    await started(name, `${NO_NET}lxc.log.file = ${join(work, 'log')}\nlxc.log.level = DEBUG\n`, () => Promise.resolve())
    expect(readFileSync(join(work, 'log'), 'utf8')).toMatch(new RegExp(`^tlxc ${name} \\d{14}\\.\\d{3} DEBUG `, 'm'))
  })

  test('console.logfile, size, rotate', async () => {
    const file = join(work, 'console')
    await started(name, `${NO_NET}lxc.console.logfile = ${file}\nlxc.console.size = 4096\nlxc.console.rotate = 1\n`, async () => {
      await inside(name, 'for i in 1 2 3 4 5 6; do head -c 1000 /dev/zero | tr "\\0" x >/dev/console; done')
      await eventually('the log is rotated', () => Promise.resolve(existsSync(`${file}.1`)), 5000)
      expect(statSync(`${file}.1`).size).toBe(4096)
    })
  })

  test('console.path: a file of the host', async () => {
    await started(name, `${NO_NET}lxc.console.path = ${join(work, 'path')}\n`, async () => {
      await inside(name, 'echo to the host >/dev/console')
      await eventually('the file has it', () => Promise.resolve(readFileSync(join(work, 'path'), 'utf8').includes('to the host')), 5000)
    })
  })
})

describe('life', () => {
  const pidOf = async (container: string): Promise<string> => (await must('info', '-n', container, '-pH')).trim()

  test('signal.halt, signal.stop', async () => {
    const init = 'lxc.init.cmd = /bin/sh -c "trap \'echo halt >/got; exit 0\' USR1; trap \'echo stop >/got; exit 0\' USR2; while :; do sleep 0.05; done"\n'
    const lines = `${NO_NET}${init}lxc.signal.halt = SIGUSR1\nlxc.signal.stop = SIGUSR2\n`
    const got = join(lxcpath, name, 'rootfs/got')
    await started(name, lines, () => must('stop', '-n', name, '-t', '10'))
    expect(readFileSync(got, 'utf8')).toBe('halt\n')
    await started(name, lines, () => must('stop', '-n', name, '-k'))
    expect(readFileSync(got, 'utf8')).toBe('stop\n')
  })

  test('monitor.signal.pdeath: init dies of the signal when the monitor is killed', async () => {
    const init = 'lxc.init.cmd = /bin/sh -c "trap \'echo orphan >/got; exit 0\' USR1; while :; do sleep 0.05; done"\n'
    rmSync(join(lxcpath, name, 'rootfs/got'), { force: true })
    await started(name, `${NO_NET}${init}lxc.monitor.signal.pdeath = SIGUSR1\n`, async () => {
      const { monitor_pid: monitor } = JSON.parse(await must('info', '-n', name, '--json')) as { monitor_pid: number }
      process.kill(monitor, 'SIGKILL')
      await eventually('init has got it', () => Promise.resolve(existsSync(join(lxcpath, name, 'rootfs/got'))), 5000)
      expect((await tlxc('info', '-n', name, '-sH')).stdout).toBe('STOPPED\n')
    })
  })

  test('monitor.unshare: the monitor has mounts of its own', async () => {
    await started(name, `${NO_NET}lxc.monitor.unshare = 1\n`, async () => {
      const { monitor_pid: monitor } = JSON.parse(await must('info', '-n', name, '--json')) as { monitor_pid: number }
      expect(host('readlink', `/proc/${monitor}/ns/mnt`)).not.toBe(host('readlink', '/proc/self/ns/mnt'))
    })
  })

  test('rootfs.mount: where hooks find the root file system', async () => {
    const mount = join(work, 'elsewhere')
    mkdirSync(mount)
    const file = script('mounted', `ls $LXC_ROOTFS_MOUNT/etc/inittab >${out}`)
    await started(privileged, `${NO_NET}lxc.rootfs.mount = ${mount}\nlxc.hook.mount = ${file}\n`, () => Promise.resolve())
    expect(said()).toBe(`${mount}/etc/inittab\n`)
  })

  test('namespace.share.net: another container by its name', async () => {
    await started(name, NO_NET, () =>
      started(privileged, `${NO_NET}lxc.namespace.share.net = ${name}\nlxc.namespace.share.uts = ${name}\n`, async () => {
        expect(await inside(privileged, 'readlink /proc/self/ns/net; hostname')).toBe(await inside(name, 'readlink /proc/self/ns/net; hostname'))
      }),
    )
  })

  test('execute.cmd', async () => {
    expect(await must('execute', '-n', name, '-s', 'lxc.net=', '-s', 'lxc.execute.cmd=/bin/echo "a b"')).toContain('a b')
  })

  test('ephemeral: gone when it has stopped; rootfs.managed = 0: its files stay', async () => {
    const short = freshName('keyse')
    await must('create', '-q', '-n', short, '-t', 'busybox')
    await must('start', '-n', short, '-s', 'lxc.ephemeral=1', '-s', 'lxc.net=')
    const { status } = spawnSync('sh', ['-c', `echo lxc.ephemeral = 1 >>${configFile(short)}; echo lxc.rootfs.managed = 0 >>${configFile(short)}`])
    expect(status).toBe(0)
    await must('stop', '-k', '-n', short)
    await eventually('it is destroyed', () => Promise.resolve(!existsSync(configFile(short))), 10_000)
    await leavesNothing(short)
    const rootfs = join(lxcpath, short, 'rootfs')
    await eventually('its files are shown', () => Promise.resolve(existsSync(join(rootfs, 'etc/inittab'))), 10_000)
    spawnSync('umount', [rootfs])
    spawnSync('chattr', ['-i', rootfs])
    rmSync(join(lxcpath, short), { recursive: true })
  })

  test('init of a config with lxc.cgroup.dir is in that cgroup, limits and monitor too', async () => {
    const lines = `${NO_NET}lxc.cgroup.dir.container = ${name}/box\nlxc.cgroup.dir.container.inner = init\nlxc.cgroup.dir.monitor = ${name}/watch\n`
    await started(name, lines, async () => {
      const cgroups = readFileSync(`/proc/${await pidOf(name)}/cgroup`, 'utf8').trim().split('\n')
      for (const line of cgroups) expect(line).toMatch(new RegExp(`/${name}/box/init$`))
    })
    expect(readdirSync('/sys/fs/cgroup')).not.toContain(name)
  })

  test('cgroup limits of the version that this machine has', async () => {
    await started(name, `${NO_NET}lxc.cgroup.pids.max = 77\nlxc.cgroup2.pids.max = 77\n`, async () => {
      expect((await must('cgroup', '-n', name, 'pids.max')).trim()).toBe('77')
    })
  })
})
