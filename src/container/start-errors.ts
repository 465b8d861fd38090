/** Why a start failed, in words, and the mend, from the monitor's report. Pure: a table, first match wins. */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { TlxcError } from '../errors.ts'
import type { Report } from '../protocol/generated.ts'

interface Row {
  /** Of the report; absent: any. */
  code?: readonly string[]
  errno?: readonly string[]
  stage?: RegExp
  syscall?: RegExp
  exited?: true
  why: (report: Explained) => string
  mend: (report: Explained) => string
}

interface Explained {
  name: string
  code: string
  stage: string
  syscall: string
  errno: string
  /** Text of the errno: "no such file or directory". */
  text: string
  detail: string
  /** "status 3" or "signal SIGSEGV"; '' when init did not end. */
  ending: string
}

/** The error that tlxc-start shows: 'cannot start "NAME": CAUSE' and the mend. */
export function explainStart(name: string, report: Report): TlxcError {
  const errno = errnoName(report.errno ?? 0)
  const explained: Explained = {
    name,
    code: report.code ?? 'internal',
    stage: report.stage ?? '',
    syscall: report.syscall ?? '',
    errno,
    text: errnoText(report.errno ?? 0),
    detail: report.detail ?? '',
    ending: report.exit_status === undefined || report.exit_status === null ? '' : endingOf(report.exit_status),
  }
  const row = ROWS.find((candidate) => matches(candidate, explained)) ?? FALLBACK
  return new TlxcError('START', `cannot start "${name}": ${row.why(explained)}`, { hint: row.mend(explained) })
}

/** "status 3" or "signal SIGSEGV", from a wait status (waitpid(2)). */
export function endingOf(waitStatus: number): string {
  const signal = waitStatus & 0x7f
  return signal === 0 ? `status ${(waitStatus >> 8) & 0xff}` : `signal ${nameOf(constants.signals, signal) ?? signal}`
}

const foreground = (r: Explained): string => `see what it says: tlxc-start -F ${r.name}`
const what = (r: Explained, fallback: string): string => (r.detail === '' ? fallback : `"${r.detail}"`)

const ROWS: readonly Row[] = [
  { errno: ['ENOSPC'], code: ['namespace'], why: () => 'the kernel allows no more namespaces', mend: () => 'raise the limits in /proc/sys/user/max_*_namespaces' },
  { errno: ['ENOSPC'], code: ['cgroup'], why: () => 'the control group cannot hold it', mend: () => 'give cpuset.cpus and cpuset.mems of the parent group a value, or remove old groups' },
  { errno: ['ENOSPC', 'EDQUOT'], why: (r) => `no space left${r.detail === '' ? '' : ` for "${r.detail}"`}`, mend: () => 'free some space, in /run too (df -h /run)' },
  { errno: ['ENOMEM', 'EMFILE', 'ENFILE', 'EAGAIN'], why: (r) => `the machine has run out of something: ${r.text} (${r.stage})`, mend: () => 'free memory, or raise the limits on processes and files (ulimit -a)' },
  { errno: ['ENOSYS'], why: (r) => `this kernel does not know ${r.syscall || r.stage}`, mend: () => 'tlxc needs Linux 5.12 or newer; tlxc-checkconfig lists what is missing' },
  {
    errno: ['EPERM'],
    syscall: /^(close_range|execveat|memfd_create|openat2|pivot_root)$/,
    why: (r) => `the system call ${r.syscall} is denied`,
    mend: () => 'allow it in the seccomp filter of the container or service that tlxc itself runs in',
  },

  { code: ['init'], errno: ['ENOENT'], why: (r) => `there is no ${what(r, 'init')} in its root filesystem, or the loader that it names is missing`, mend: () => 'correct lxc.init.cmd, or see whether the template has filled the root filesystem' },
  { code: ['init'], errno: ['EACCES', 'EISDIR', 'EPERM'], why: (r) => `${what(r, 'its init')} may not be executed: ${r.text}`, mend: () => 'make it executable inside (chmod +x), and see that no mount there says noexec' },
  { code: ['init'], errno: ['ENOEXEC', 'ELIBBAD'], why: (r) => `${what(r, 'its init')} is no program for this machine`, mend: () => 'take a root filesystem of this architecture, or install qemu-user-static' },
  { exited: true, code: ['init', 'aborted'], why: (r) => `its init ended at once with ${r.ending}`, mend: foreground },
  { code: ['init'], errno: [''], why: () => 'its init ended at once', mend: foreground },
  { code: ['init'], errno: ['ELOOP'], why: (r) => `${what(r, 'its init')} is a symbolic link that leads nowhere`, mend: () => 'correct the link inside, or lxc.init.cmd' },

  { code: ['network'], errno: ['ENODEV', 'ENXIO', 'ENOENT'], why: (r) => `there is no network interface ${what(r, 'of that name')}`, mend: () => 'correct lxc.net.N.link, or make the bridge: ip link add NAME type bridge' },
  { code: ['network'], errno: ['EEXIST'], why: (r) => `a network interface ${what(r, 'of that name')} exists already`, mend: () => 'choose another lxc.net.N.veth.pair, or leave it out' },
  { code: ['network'], errno: ['EOPNOTSUPP', 'EINVAL'], stage: /macvlan|ipvlan|vlan|veth/, why: (r) => `the kernel does not make such an interface (${r.stage}): ${r.text}`, mend: () => 'load its module (modprobe veth, macvlan, ipvlan, 8021q), or correct lxc.net.N' },
  { code: ['network'], why: (r) => `its network cannot be set up: ${r.stage}: ${r.detail || r.text}`, mend: () => 'correct lxc.net.N in its configuration' },

  { code: ['rootfs'], errno: ['EBUSY'], stage: /^take the view/, why: (r) => `its files are in use on this machine: ${r.detail || r.text}`, mend: () => 'end those processes, or let them leave its directory' },
  { code: ['mount', 'rootfs', 'dev'], errno: ['ELOOP'], why: (r) => `mount target ${what(r, r.stage)} is or passes a symbolic link`, mend: () => 'name the real place in lxc.mount.entry; links are refused because a container could point them anywhere' },
  { code: ['rootfs'], errno: ['ENOENT', 'ENOTDIR'], why: (r) => `there is no root filesystem at ${what(r, 'lxc.rootfs.path')}`, mend: () => 'correct lxc.rootfs.path, or create the container anew' },
  { code: ['rootfs'], errno: ['EINVAL', 'EPERM'], stage: /^idmap/, why: (r) => `the filesystem of ${what(r, 'its root')} cannot be id-mapped by this kernel`, mend: () => 'move it to ext4, xfs or btrfs, or create the container with --privileged' },
  { code: ['mount'], errno: ['EINVAL', 'EPERM'], stage: /^idmap/, why: (r) => `the filesystem of ${what(r, 'a mount')} cannot be id-mapped by this kernel`, mend: () => 'leave idmap= out of that mount entry, or mount from ext4, xfs or btrfs' },
  { code: ['rootfs'], errno: ['EACCES'], why: (r) => `root of the container may not enter ${what(r, 'its root filesystem')}`, mend: (r) => `every directory on the way to it needs x for others: chmod o+x ${r.detail || 'DIRECTORY'}` },
  { code: ['mount'], errno: ['ENOENT', 'ENOTDIR'], why: (r) => `cannot mount (${r.stage}): ${what(r, 'source or target')} does not exist`, mend: () => 'make it, or add create=dir, create=file or optional to the mount entry' },
  { code: ['mount'], errno: ['ENODEV'], why: (r) => `cannot mount (${r.stage}): the kernel has no filesystem of that type`, mend: () => 'load its module, or add optional to the mount entry' },
  { code: ['mount', 'rootfs'], errno: ['EPERM', 'EACCES', 'EROFS', 'EINVAL', 'EBUSY'], why: (r) => `cannot mount (${r.stage}): ${r.detail === '' ? '' : `"${r.detail}": `}${r.text}`, mend: () => 'correct or remove that lxc.mount line; an unprivileged container may mount only what the kernel lets it' },

  { code: ['cgroup'], errno: ['EROFS', 'EACCES', 'EPERM'], why: (r) => `control group ${what(r, 'tree')} cannot be written: ${r.text}`, mend: () => 'mount the cgroup filesystem read-write, or start it from a delegated group: systemd-run --scope -p Delegate=yes' },
  { code: ['cgroup'], errno: ['EBUSY'], stage: /^set /, why: (r) => `${r.stage.slice(4)} cannot be set: its control group does not get that controller, because processes are in ${what(r, 'the one above')}`, mend: (r) => `start it from a control group of its own: systemd-run --scope -p Delegate=yes tlxc-start ${r.name}` },
  { code: ['cgroup'], errno: ['ENOENT'], why: (r) => `there is no ${what(r, 'such file')} in the control groups of this machine`, mend: () => 'mount the controller, or correct the lxc.cgroup / lxc.cgroup2 line' },
  // cgroup v1 with CONFIG_RT_GROUP_SCHED: a new group has no real-time share (sched(7), "Real-time group scheduling").
  { code: ['cgroup'], errno: ['EINVAL'], stage: /^move /, why: (r) => `control group ${what(r, 'of the cpu controller')} takes no process with a real-time scheduling policy, as that of this shell`, mend: (r) => `start it with the ordinary policy: chrt --other 0 tlxc-start ${r.name}` },
  { code: ['cgroup'], errno: ['EINVAL', 'ERANGE'], why: (r) => `the kernel refuses ${what(r, 'a value')} of its control group`, mend: () => 'correct the lxc.cgroup / lxc.cgroup2 line' },
  { code: ['cgroup'], why: (r) => `its control group cannot be set up: ${r.stage}: ${r.detail === '' ? '' : `"${r.detail}": `}${r.text}`, mend: () => 'tlxc-checkconfig shows the control groups of this machine' },

  { code: ['namespace'], errno: ['EPERM'], why: (r) => `the kernel refuses the namespaces (${r.stage})`, mend: () => 'run it as root; see /proc/sys/kernel/unprivileged_userns_clone and the seccomp filter of an outer container' },
  { code: ['namespace'], why: (r) => `its namespaces cannot be made: ${r.stage}: ${r.detail || r.text}`, mend: () => 'tlxc-checkconfig lists what this kernel lacks' },
  { code: ['idmap'], why: (r) => `the kernel refuses its id map: ${r.detail || r.text}`, mend: () => 'see that its lxc.idmap lines do not overlap and lie in /etc/subuid and /etc/subgid' },
  { code: ['hook'], why: (r) => `a hook failed (${r.stage})${r.ending === '' ? '' : ` with ${r.ending}`}: ${lastLine(r.detail) || r.text}`, mend: () => 'correct the hook, or remove its lxc.hook line' },
  { code: ['security'], stage: /apparmor/i, why: (r) => `AppArmor refuses the profile ${what(r, '')}: ${r.text}`, mend: () => 'load the profile, or set lxc.apparmor.profile = generated' },
  { code: ['security'], stage: /selinux/i, why: (r) => `SELinux refuses the context ${what(r, '')}: ${r.text}`, mend: () => 'correct lxc.selinux.context' },
  { code: ['security'], why: (r) => `its privileges cannot be set: ${r.stage}: ${r.detail || r.text}`, mend: () => 'correct its lxc.cap, lxc.seccomp or lxc.prlimit lines' },
  { code: ['console', 'dev'], why: (r) => `its devices cannot be set up: ${r.stage}: ${r.detail === '' ? '' : `"${r.detail}": `}${r.text}`, mend: () => 'correct its lxc.console, lxc.tty or lxc.autodev lines' },
  { code: ['plan'], why: (r) => `the monitor refuses the plan: ${r.detail || r.text}`, mend: () => 'this is a bug, or parts of different versions are installed: install tlxc again' },
  { code: ['aborted'], why: () => 'it was told to stop while it started', mend: () => 'start it again' },
]

const FALLBACK: Row = {
  why: (r) => [r.stage, r.detail === '' ? '' : `"${r.detail}"`, r.syscall, r.text].filter((part) => part !== '').join(': ') || 'the monitor gave no reason',
  mend: foreground,
}

function matches(row: Row, report: Explained): boolean {
  return (
    (row.code === undefined || row.code.includes(report.code)) &&
    (row.errno === undefined || row.errno.includes(report.errno)) &&
    (row.stage === undefined || row.stage.test(report.stage)) &&
    (row.syscall === undefined || row.syscall.test(report.syscall)) &&
    (row.exited === undefined || report.ending !== '')
  )
}

function errnoName(errno: number): string {
  return errno === 0 ? '' : (nameOf(constants.errno, errno) ?? String(errno))
}

function errnoText(errno: number): string {
  return errno === 0 ? '' : (getSystemErrorMap().get(-errno)?.[1] ?? `error ${errno}`)
}

function nameOf(table: Readonly<Record<string, number>>, value: number): string | undefined {
  return Object.keys(table).find((name) => table[name] === value)
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
