/** lxc.mount.auto: /proc, /sys and cgroup trees, with the mounts that LXC makes of them. */
import type { ContainerConfig, Where } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import type { Cgroup, CgroupMountMode, Mount, MountAttr, Namespace } from '../protocol/generated.ts'
import { at } from './input.ts'

export type CgroupAuto = Pick<Cgroup, 'mount' | 'mount_full' | 'mount_unified'>

interface Auto {
  proc: 'mixed' | 'rw' | null
  sys: 'mixed' | 'ro' | 'rw' | null
  cgroup: { family: 'cgroup' | 'cgroup-full' | 'cgroup2'; mode: CgroupMountMode; force: boolean } | null
}

export interface AutoContext {
  clone: readonly Namespace[]
  /** CAP_NET_ADMIN is kept. */
  netAdmin: boolean
  /** Files of /proc and /sys that this kernel has, e.g. "proc/kcore". */
  kernelFiles: readonly string[]
}

const NO_EXEC: readonly MountAttr[] = ['nosuid', 'nodev', 'noexec']
const ORIGIN = 'lxc.mount.auto'

/** Mounts of /proc and /sys in order, and how the stage mounts cgroup trees. */
export function planAuto(config: ContainerConfig, context: AutoContext): { mounts: Mount[]; cgroup: CgroupAuto } {
  const auto = parseTokens(config.mountAuto)
  return {
    mounts: [...procMounts(auto.proc, context), ...sysMounts(auto.sys, context)],
    cgroup: cgroupAuto(auto.cgroup, context),
  }
}

/** A mount with the usual values; every topic says only what differs. */
export function mount(values: Pick<Mount, 'source' | 'target'> & Partial<Mount>): Mount {
  return {
    type: 'none',
    bind: 'none',
    from: 'container',
    attrs: [],
    options: [],
    propagation: [],
    create: 'none',
    optional: false,
    remount: false,
    move: false,
    ...values,
  }
}

function parseTokens(tokens: ContainerConfig['mountAuto']): Auto {
  const auto: Auto = { proc: null, sys: null, cgroup: null }
  for (const { token, where } of tokens) applyToken(auto, token, where)
  return auto
}

function applyToken(auto: Auto, token: string, where: Where): void {
  const [family, ...flags] = token.split(':')
  const force = flags.at(-1) === 'force'
  const mode = (force ? flags.slice(0, -1) : flags).join(':')
  const isMode = mode === '' || mode === 'mixed' || mode === 'ro' || mode === 'rw'
  if (family === 'proc' && !force && isMode && mode !== 'ro') auto.proc = mode === 'rw' ? 'rw' : 'mixed'
  else if (family === 'sys' && !force && isMode) auto.sys = mode === '' ? 'mixed' : mode
  else if ((family === 'cgroup' || family === 'cgroup-full') && isMode) {
    // LXC: without a mode rw when the container lacks CAP_SYS_ADMIN, else mixed; mixed is the stricter of the two.
    auto.cgroup = { family, mode: mode === '' ? 'mixed' : mode, force }
  } else if (family === 'cgroup2' && isMode && mode !== 'mixed') auto.cgroup = { family, mode: mode === 'ro' ? 'ro' : 'rw', force }
  else throw tokenError(token, where)
}

function tokenError(token: string, where: Where): TlxcError {
  if (token.startsWith('shmounts:')) {
    return new TlxcError('UNSUPPORTED', `cannot use lxc.mount.auto = ${token} (${at(where)}): shared mount tunnels are not supported`, {
      hint: 'use an lxc.mount.entry with bind,rslave,create=dir: mounts that the host makes below its source show up inside',
    })
  }
  return new TlxcError('CONFIG', `cannot use lxc.mount.auto = ${token} (${at(where)}): no such automatic mount`, {
    hint: 'proc[:mixed|rw], sys[:mixed|ro|rw], cgroup[-full][:mixed|ro|rw][:force], cgroup2[:ro][:force]',
  })
}

/**
 * mixed: /proc/sys read-only but for /proc/sys/net (when CAP_NET_ADMIN is kept), /proc/sysrq-trigger read-only, and what says
 * too much about the host is covered. Binding both trees first and making the outer one read-only last needs no detour.
 */
function procMounts(mode: Auto['proc'], context: AutoContext): Mount[] {
  if (mode === null) return []
  const proc = mount({ source: 'proc', target: 'proc', type: 'proc', attrs: [...NO_EXEC], create: 'dir', origin: ORIGIN })
  if (mode === 'rw') return [proc]
  return [
    proc,
    self('proc/sys', [...NO_EXEC]),
    ...(context.netAdmin ? [self('proc/sys/net', [...NO_EXEC])] : []),
    readOnly('proc/sys'),
    ...(context.kernelFiles.includes('proc/sysrq-trigger') ? [self('proc/sysrq-trigger', [...NO_EXEC, 'rdonly'])] : []),
    ...masks(context),
  ]
}

function sysMounts(mode: Auto['sys'], context: AutoContext): Mount[] {
  if (mode === null) return []
  // sysfs belongs to a network namespace: the kernel lets only its owner mount one (sysfs(5)). With a network that is not ours
  // the host's is shown, always read-only.
  if (context.clone.includes('user') && !context.clone.includes('net')) {
    const attrs: MountAttr[] = [...NO_EXEC, 'rdonly']
    return [mount({ source: '/sys', target: 'sys', bind: 'bind', from: 'host', attrs, create: 'dir', origin: ORIGIN })]
  }
  const attrs: MountAttr[] = mode === 'ro' ? [...NO_EXEC, 'rdonly'] : [...NO_EXEC]
  const sys = mount({ source: 'sysfs', target: 'sys', type: 'sysfs', attrs, create: 'dir', origin: ORIGIN })
  if (mode !== 'mixed') return [sys]
  return [sys, self('sys/devices/virtual/net', [...NO_EXEC]), readOnly('sys')]
}

function cgroupAuto(auto: Auto['cgroup'], { clone }: AutoContext): CgroupAuto {
  // In a cgroup namespace init mounts its own tree; LXC mounts one only when forced.
  if (auto === null || (clone.includes('cgroup') && !auto.force)) return { mount: 'none', mount_full: false, mount_unified: false }
  return { mount: auto.mode, mount_full: auto.family === 'cgroup-full', mount_unified: auto.family === 'cgroup2' }
}

/** A tree bound on itself, so that it can have flags of its own. */
function self(path: string, attrs: MountAttr[]): Mount {
  return mount({ source: path, target: path, bind: 'bind', from: 'root', attrs, origin: ORIGIN })
}

function readOnly(path: string): Mount {
  return mount({ source: path, target: path, bind: 'bind', from: 'root', attrs: [...NO_EXEC, 'rdonly'], remount: true, origin: ORIGIN })
}

/**
 * What runc masks and LXC does not; nothing that a system container's services read. proc:rw leaves all of it open, and so do
 * the proc mounts of nesting.conf.
 */
const MASKED_FILES = ['proc/kcore', 'proc/timer_list', 'proc/timer_stats', 'proc/sched_debug', 'proc/latency_stats'] as const
/** /proc/keys shows by permission: with a user namespace only the container's own, without one those of the host's root. */
const MASKED_UNLESS_MAPPED = ['proc/keys'] as const
const MASKED_DIRECTORIES = ['proc/scsi'] as const

function masks({ clone, kernelFiles }: AutoContext): Mount[] {
  const files = [...MASKED_FILES, ...(clone.includes('user') ? [] : MASKED_UNLESS_MAPPED)].filter((path) => kernelFiles.includes(path))
  const directories = MASKED_DIRECTORIES.filter((path) => kernelFiles.includes(path))
  const common = { origin: 'mask of lxc.mount.auto = proc:mixed' }
  return [
    ...files.map((target) => mount({ ...common, source: '/dev/null', target, bind: 'bind', from: 'host', attrs: ['nosuid', 'noexec', 'rdonly'] })),
    ...directories.map((target) => mount({ ...common, source: 'tmpfs', target, type: 'tmpfs', attrs: [...NO_EXEC, 'rdonly'] })),
  ]
}
