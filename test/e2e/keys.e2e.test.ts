/**
 * Every family of configuration keys on a running container: one row says what is set and what must then be seen inside (or outside).
 * What a key does is compared with lxc.container.conf(5); the planner's part has unit tests of its own.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshName, leavesNothing, must, tlxc } from '../helpers/e2e.ts'
import { host, inside, lxcpath, NO_NET, started, work } from '../helpers/keys.ts'

const kinds = { unprivileged: freshName('keys'), privileged: freshName('keysp') }

beforeAll(async () => {
  mkdirSync(join(work, 'tree/below'), { recursive: true })
  for (const dir of ['upper', 'work']) mkdirSync(join(work, 'over', dir), { recursive: true })
  writeFileSync(join(work, 'tree/file'), 'from the host\n')
  host('mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', join(work, 'tree/below'))
  writeFileSync(join(work, 'tree/below/deep'), '')
  await must('create', '-q', '-n', kinds.unprivileged, '-t', 'busybox')
  await must('create', '-q', '-n', kinds.privileged, '-t', 'busybox', '--privileged')
})
afterAll(async () => {
  spawnSync('umount', [join(work, 'tree/below')])
  for (const name of Object.values(kinds)) {
    await tlxc('destroy', '-f', '-n', name)
    await leavesNothing(name)
  }
  rmSync(work, { recursive: true, force: true })
})

type Row = readonly [what: string, lines: string, script: string, seen: RegExp]

/** One start for each row; [what, lines of the configuration, command inside, what it prints]. */
const ROWS: readonly Row[] = [
  ['tty.max beyond what one packet holds', 'lxc.tty.max = 150', 'test -c /dev/tty150 && echo there; cat /proc/1/environ | tr "\\0 " "\\n" | grep -c pts/', /^there\n150\n$/],
  ['rootfs.options ro', 'lxc.rootfs.options = ro,idmap=container', 'touch /x 2>&1; grep " / " /proc/mounts', /Read-only file system[\s\S]* ro[, ]/],
  ['rootfs.options nosuid, nodev', 'lxc.rootfs.options = nosuid,nodev,idmap=container', 'grep " / " /proc/mounts', /nosuid,nodev/],
  ['mount.entry bind, create=dir', 'lxc.mount.entry = WORK/tree new/dir none bind,create=dir 0 0', 'cat /new/dir/file; ls /new/dir/below', /^from the host\n$/],
  ['mount.entry rbind', 'lxc.mount.entry = WORK/tree new/dir none rbind,create=dir 0 0', 'ls /new/dir/below', /^deep\n$/],
  ['mount.entry bind, create=file', 'lxc.mount.entry = WORK/tree/file new/file none bind,create=file 0 0', 'cat /new/file', /^from the host/],
  ['mount.entry ro', 'lxc.mount.entry = WORK/tree mnt none bind,ro 0 0', 'touch /mnt/x 2>&1', /Read-only/],
  ['mount.entry flags', 'lxc.mount.entry = WORK/tree mnt none bind,nosuid,nodev,noexec,noatime 0 0', 'grep " /mnt " /proc/mounts', /nosuid,nodev,noexec,noatime/],
  ['mount.entry optional', 'lxc.mount.entry = /nosuchdir mnt none bind,optional 0 0', 'echo runs', /runs/],
  ['mount.entry relative', 'lxc.mount.entry = etc mnt none bind,relative 0 0', 'ls /mnt/inittab', /inittab/],
  ['mount.entry move', 'lxc.mount.entry = tmpfs tmp tmpfs size=64k 0 0\nlxc.mount.entry = /tmp mnt none move 0 0', 'grep -c " /tmp " /proc/mounts; grep " /mnt " /proc/mounts', /^0\ntmpfs \/mnt tmpfs .*size=64k/],
  ['mount.entry tmpfs size and mode', 'lxc.mount.entry = tmpfs mnt tmpfs rw,size=128k,mode=1770 0 0', 'grep " /mnt " /proc/mounts; stat -c %a /mnt', /size=128k[\s\S]*1770/],
  ['mount.entry overlay', 'lxc.mount.entry = overlay mnt overlay lowerdir=WORK/tree,upperdir=WORK/over/upper,workdir=WORK/over/work 0 0', 'cat /mnt/file', /^from the host/],
  ['mount.entry remount', 'lxc.mount.entry = tmpfs mnt tmpfs size=64k 0 0\nlxc.mount.entry = none mnt none remount,bind,ro 0 0', 'touch /mnt/x 2>&1', /Read-only/],
  ['mount.entry propagation', 'lxc.mount.entry = WORK/tree mnt none bind,rprivate 0 0', 'grep " /mnt " /proc/self/mountinfo', / \/mnt (?!.*master:)/],
  ['mount.entry idmap=container', 'lxc.mount.entry = WORK/tree mnt none bind,idmap=container 0 0', 'stat -c %u /mnt/file', /^0\n/],
  ['mount.entry absolute target below the rootfs', 'lxc.mount.entry = tmpfs ROOTFS/mnt tmpfs size=64k 0 0', 'grep " /mnt " /proc/mounts', /size=64k/],
  ['mount.fstab', 'lxc.mount.fstab = WORK/fstab', 'grep a.040b /proc/mounts', /^tmpfs \/mnt\/a\\040b tmpfs/],
  ['mount.auto proc:rw', 'lxc.mount.auto = proc:rw', 'grep -c " /proc/sys " /proc/mounts', /^0/],
  ['mount.auto proc:mixed', 'lxc.mount.auto = proc:mixed', 'grep " /proc/sys " /proc/mounts; grep " /proc/sys/net " /proc/mounts', /\/proc\/sys proc ro[\s\S]*\/proc\/sys\/net proc rw/],
  ['mount.auto sys:ro', 'lxc.mount.auto = sys:ro', 'grep " /sys " /proc/mounts', /sysfs ro/],
  ['mount.auto sys:rw', 'lxc.mount.auto = sys:rw', 'grep " /sys " /proc/mounts', /sysfs rw/],
  ['mount.auto sys:mixed', 'lxc.mount.auto = sys:mixed', 'grep " /sys" /proc/mounts', /\/sys sysfs ro[\s\S]*virtual\/net sysfs rw/],
  ['mount.auto cgroup:rw:force', 'lxc.mount.auto = cgroup:rw:force', 'find /sys/fs/cgroup -name cgroup.procs | head -n 1; cat /proc/self/cgroup', /cgroup\.procs\n[\s\S]*:\/(\.attach)?\n/],
  ['mount.auto cgroup:ro:force', 'lxc.mount.auto = cgroup:ro:force', 'find /sys/fs/cgroup -maxdepth 1 -type d | tail -n 1 | while read d; do mkdir $d/x 2>&1; done', /Read-only/],
  ['no mount.auto', 'lxc.mount.auto =\nlxc.mount.auto = proc', 'grep -c cgroup /proc/mounts', /^0/],
  ['autodev', 'lxc.autodev = 1\nlxc.autodev.tmpfs.size = 1048576', 'grep " /dev " /proc/mounts; ls -l /dev/null', /size=1024k[\s\S]*1,\s+3/],
  ['tty.max, tty.dir', 'lxc.tty.max = 2\nlxc.tty.dir = consoles', 'ls -l /dev/tty1 /dev/consoles/tty2; ls /dev/tty3 2>&1', /consoles\/tty1[\s\S]*No such file/],
  ['pty.max', 'lxc.pty.max = 7\nlxc.tty.max = 0', 'grep " /dev/pts " /proc/mounts', /max=7/],
  ['console.path none', 'lxc.console.path = none', 'ls /dev/console 2>&1', /No such file/],
  ['uts.name', 'lxc.uts.name = another', 'hostname', /^another\n/],
  ['arch', 'lxc.arch = i686', 'uname -m', /^i686\n/],
  ['init.cmd, init.cwd', 'lxc.init.cmd = /bin/sh -c "exec sleep 1000"\nlxc.init.cwd = /new/cwd', 'tr "\\0" " " </proc/1/cmdline; readlink /proc/1/cwd', /sleep 1000 \/new\/cwd/],
  ['init.uid, init.gid, init.groups', 'lxc.init.cmd = /bin/sleep 1000\nlxc.init.uid = 7\nlxc.init.gid = 8\nlxc.init.groups = 9,10', 'grep -E "^(Uid|Gid|Groups)" /proc/1/status', /Uid:\t7\t7[\s\S]*Gid:\t8\t8[\s\S]*Groups:\t9 10/],
  ['environment', 'lxc.environment = A=b c\nlxc.environment = PATH\nlxc.environment.runtime = R=s', 'tr "\\0" "\\n" </proc/1/environ; echo "attach $A $R"', /container=lxc[\s\S]*A=b c[\s\S]*R=s[\s\S]*attach b c s/],
  ['prlimit', 'lxc.prlimit.nofile = 111:222\nlxc.prlimit.core = unlimited', 'grep -E "open files|core" /proc/1/limits', /core file size\s+unlimited\s+unlimited[\s\S]*111\s+222/],
  ['sysctl', 'lxc.sysctl.net.ipv4.ip_forward = 1\nlxc.sysctl.kernel.msgmax = 7777', 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax', /^1\n7777\n/],
  ['proc', 'lxc.proc.oom_score_adj = 321', 'cat /proc/1/oom_score_adj', /^321\n/],
  ['no_new_privs', 'lxc.no_new_privs = 1', 'grep NoNewPrivs /proc/1/status /proc/self/status', /status:NoNewPrivs:\t1\n.*NoNewPrivs:\t1\n/],
  ['cap.drop', 'lxc.cap.drop =\nlxc.cap.drop = net_raw chown', 'grep CapBnd /proc/1/status; chown 1 /tmp 2>&1', /not permitted/],
  ['cap.keep', 'lxc.cap.drop =\nlxc.cap.keep = chown sys_boot', 'grep CapEff /proc/1/status /proc/self/status', /0000000000400001\n.*0000000000400001/],
  ['seccomp.profile', 'lxc.seccomp.profile = WORK/seccomp', 'mkdir /tmp/x 2>&1; grep Seccomp: /proc/1/status', /(Value|Numerical|Result|range|Math)[\s\S]*Seccomp:\t2/i],
  ['seccomp.profile cleared', 'lxc.seccomp.profile =', 'grep Seccomp: /proc/1/status', /Seccomp:\t0/],
  ['time.offset', 'lxc.time.offset.boot = 1000000s\nlxc.time.offset.monotonic = 2000000s', 'cut -d. -f1 /proc/uptime', /^1\d{6}\n/],
  ['namespace.keep', 'lxc.namespace.keep = uts', 'readlink /proc/self/ns/uts', /HOST_UTS/],
  ['namespace.clone', 'lxc.namespace.clone = CLONE', 'readlink /proc/self/ns/ipc; readlink /proc/self/ns/cgroup', /HOST_IPC\n(?!HOST_CGROUP)/],
  ['net.N.type empty', 'lxc.net.0.type = empty', 'ls /sys/class/net', /^lo\n$/],
  ['net.N.type none', 'lxc.net.0.type = none', 'readlink /proc/self/ns/net', /HOST_NET/],
]

const HOST_NAMESPACES = ['uts', 'ipc', 'net', 'cgroup'] as const

describe.each(Object.entries(kinds))('%s', (kind, name) => {
  beforeAll(() => {
    writeFileSync(join(work, 'fstab'), '# comment\ntmpfs mnt/a\\040b tmpfs size=64k,create=dir 0 0\n')
    writeFileSync(join(work, 'seccomp'), '2\ndenylist\n[all]\nmkdir errno 33\nmkdirat errno 33\n')
  })

  test.each(ROWS)('%s', async (_what, lines, command, seen) => {
    const fill = (text: string): string => {
      const clone = `mnt pid uts net cgroup${kind === 'unprivileged' ? ' user' : ''}`
      const filled = text.replaceAll('WORK', work).replaceAll('ROOTFS', join(lxcpath, name, 'rootfs')).replaceAll('CLONE', clone)
      return HOST_NAMESPACES.reduce((all, ns) => all.replaceAll(`HOST_${ns.toUpperCase()}`, host('readlink', `/proc/self/ns/${ns}`).trim().replace(/[[\]]/g, '\\$&')), filled)
    }
    await started(name, `${NO_NET}${fill(lines)}\n`, async () => {
      expect(await inside(name, `${command}; true`)).toMatch(new RegExp(fill(seen.source), seen.flags))
    })
  })
})
