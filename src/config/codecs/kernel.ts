/** Small vocabularies of the kernel and of LXC: namespaces, time offsets, log levels, architectures, capabilities, limits, devices. */
import { LOG_LEVEL_VALUES, NAMESPACE_VALUES, type Namespace, type Personality } from '../../protocol/generated.ts'
import { closest } from '../closest.ts'
import { ValueError, matching, oneOf, type Codec } from './codec.ts'

export const namespace: Codec<Namespace> = oneOf(NAMESPACE_VALUES)

const NANOSECONDS: Readonly<Record<string, number>> = { h: 3_600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, ns: 1 }

/** Nanoseconds, from a signed number with h, m, s, ms, us or ns. */
export const timeOffset: Codec<number> = {
  expects: 'a number with h, m, s, ms, us or ns',
  parse: (raw) => {
    const match = /^([+-]?[0-9]+)[ \t]*(h|ms|m|s|us|ns)$/.exec(raw)
    const value = Number(match?.[1]) * (NANOSECONDS[match?.[2] ?? ''] ?? Number.NaN)
    if (!Number.isSafeInteger(value)) throw new ValueError(`"${raw}" is not ${timeOffset.expects}`)
    return value === 0 ? 0 : value
  },
  format: (value) => (value % 1e9 === 0 ? `${value / 1e9}s` : `${value}ns`),
}

/** 0 (TRACE) to 8 (FATAL), by name or number. */
export const logLevel: Codec<number> = {
  expects: `${LOG_LEVEL_VALUES.join(', ')}, or 0 to 8`,
  parse: (raw) => {
    const value = /^[0-9]$/.test(raw) ? Number(raw) : LOG_LEVEL_VALUES.findIndex((name) => name === raw.toUpperCase())
    if (value < 0 || value >= LOG_LEVEL_VALUES.length) throw new ValueError(`"${raw}" is not ${logLevel.expects}`)
    return value
  },
  format: (value) => LOG_LEVEL_VALUES[value] ?? String(value),
}

const FACILITIES = ['daemon', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'] as const
const facility = oneOf(FACILITIES)

export const syslogFacility: Codec<string> = {
  expects: facility.expects,
  parse: (raw) => facility.parse(raw.toLowerCase()),
  format: (value) => value,
}

const ARCH_32 = 'x86 i386 i486 i586 i686 athlon linux32 x32 arm armel armhf armv7l mips mipsel ppc powerpc'.split(' ')
const ARCH_64 =
  'x86_64 amd64 linux64 aarch64 arm64 riscv64 ppc64 ppc64le ppc64el powerpc64 s390x mips64 mips64el loong64 loongarch64'.split(' ')

/** Names of architectures as LXC takes them. */
export const arch: Codec<string> = matching(
  `one of ${[...ARCH_32, ...ARCH_64].join(', ')}`,
  (raw) => ARCH_32.includes(raw) || ARCH_64.includes(raw),
)

export function personalityOf(architecture: string): Personality {
  return ARCH_32.includes(architecture) ? 'linux32' : 'linux'
}

/** In the kernel's order: the index is the number (capability.h). */
export const CAPABILITIES: readonly string[] = (
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin ' +
  'net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time ' +
  'sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read ' +
  'perfmon bpf checkpoint_restore'
).split(' ')

/** A name of the list above, or its number; the value is the name. `none` has a meaning in lxc.cap.keep only, which checks.ts sees to. */
export const capability: Codec<string> = {
  expects: 'names of capabilities(7) in lower case without cap_, separated by blanks',
  parse: (raw) => {
    if (/^cap_/i.test(raw)) throw new ValueError(`"${raw}" must be written without cap_`, `write ${raw.slice(4).toLowerCase()}`)
    const name = /^[0-9]{1,2}$/.test(raw) ? CAPABILITIES[Number(raw)] : raw
    if (name !== undefined && (name === 'none' || CAPABILITIES.includes(name))) return name
    const suggestion = closest(raw.toLowerCase(), CAPABILITIES)
    throw new ValueError(`there is no capability "${raw}"`, suggestion ? `did you mean ${suggestion}?` : 'see capabilities(7)')
  },
  format: (value) => value,
}

export interface Limit {
  soft: string
  hard: string
}

/** `SOFT[:HARD]`: numbers, or unlimited; one alone is both. */
export const prlimit: Codec<Limit> = {
  expects: 'SOFT[:HARD], each a number or unlimited',
  parse: (raw) => {
    const [soft = '', hard = soft, ...rest] = raw.split(':').map((part) => part.trim().replace(/^-1$/, 'unlimited'))
    if (rest.length > 0 || !isLimit(soft) || !isLimit(hard)) throw new ValueError(`"${raw}" is not ${prlimit.expects}`)
    if (Number(soft.replace('unlimited', 'Infinity')) > Number(hard.replace('unlimited', 'Infinity'))) {
      throw new ValueError(`the soft limit ${soft} is above the hard limit ${hard}`)
    }
    return { soft, hard }
  },
  format: ({ soft, hard }) => (soft === hard ? soft : `${soft}:${hard}`),
}

const isLimit = (part: string): boolean => part === 'unlimited' || (/^[0-9]{1,20}$/.test(part) && BigInt(part) < 2n ** 64n)

/** devices.allow and devices.deny of lxc.cgroup and lxc.cgroup2. */
export const deviceRule: Codec<string> = matching(
  'a, or TYPE MAJOR:MINOR ACCESS such as "c 1:3 rwm" (TYPE a, b or c; * for any number)',
  (raw) => raw === 'a' || /^[abc]\s+(\*|[0-9]+):(\*|[0-9]+)\s+[rwm]{1,3}$/.test(raw),
)
