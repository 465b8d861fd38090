/** Keys about control groups, limits and kernel settings. */
import { bool } from '../codecs/number.ts'
import { fileName, relativePath, text } from '../codecs/text.ts'
import { prlimit } from '../codecs/kernel.ts'
import { scalar, subkeys } from './row.ts'

export const CGROUP = {
  cgroupDir: scalar(
    'lxc.cgroup.dir', relativePath, 'lab/web', 'Control group below which those of the container are made; not with the next ones.',
    { unset: '(null)' },
  ),
  cgroupDirContainer: scalar(
    'lxc.cgroup.dir.container', relativePath, 'lab/web', 'Control group of the container.', { since: '4.0', unset: '(null)' },
  ),
  cgroupDirContainerInner: scalar(
    'lxc.cgroup.dir.container.inner', fileName, 'init', 'One more level for init; limits apply to the outer one.',
    { since: '4.0', unset: '(null)' },
  ),
  cgroupDirMonitor: scalar(
    'lxc.cgroup.dir.monitor', relativePath, 'lab/monitor', 'Control group of the monitor.', { since: '4.0', unset: '(null)' },
  ),
  cgroupDirMonitorPivot: scalar(
    'lxc.cgroup.dir.monitor.pivot', relativePath, 'lab/pivot', 'Control group to which the monitor goes when the container ends.',
    { since: '4.0', unset: '(null)' },
  ),
  cgroupRelative: scalar(
    'lxc.cgroup.relative', bool, '1', 'Make control groups below that of the caller instead of the root.', { since: '3.1', unset: '0' },
  ),
}

export const LIMIT_SUBKEYS = {
  cgroup: subkeys(
    'lxc.cgroup', text, 'list', '512',
    'lxc.cgroup.FILE: value for a file of the version 1 hierarchies, in order; without effect where there are none.',
  ),
  cgroup2: subkeys(
    'lxc.cgroup2', text, 'list', '1G',
    'lxc.cgroup2.FILE: value for a file of the unified hierarchy; devices.allow and devices.deny become a BPF program.', { since: '4.0' },
  ),
  prlimit: subkeys(
    'lxc.prlimit', prlimit, 'scalar', '1024:4096',
    'lxc.prlimit.NAME: resource limit of the first process, NAME as in setrlimit(2) in lower case.',
  ),
  sysctl: subkeys('lxc.sysctl', text, 'scalar', '1', 'lxc.sysctl.KEY: kernel setting inside, KEY with dots.'),
  proc: subkeys('lxc.proc', text, 'scalar', '10', 'lxc.proc.FILE: value for /proc/PID/FILE of the first process.'),
}
