/** lxc.seccomp.profile, formats 1 and 2 (lxc.container.conf(5), SECCOMP CONFIGURATION) → rules. */
import { TlxcError } from '../errors.ts'
import type { Seccomp, SeccompAction, SeccompArg, SeccompCompare, SeccompRule } from '../protocol/generated.ts'

interface Action {
  action: SeccompAction
  errno: number
}

/** Where a rule stands: file, line, and the arch section it is in. */
interface Place {
  file: string
  line: number
}

const KILL: Action = { action: 'kill', errno: 0 }
const ALLOW: Action = { action: 'allow', errno: 0 }
const EACCES = 13
/** umount2(2) */
const MNT_FORCE = '1'
const MAX_ERRNO = 4095
const U64_END = 1n << 64n

/** Section headers → libseccomp's tokens. */
const ARCHES: Readonly<Record<string, string>> = {
  x86: 'x86', x86_64: 'x86_64', x32: 'x32', arm: 'arm', arm64: 'aarch64', aarch64: 'aarch64',
  ppc: 'ppc', ppc64: 'ppc64', ppc64le: 'ppc64le',
  mips: 'mips', mips64: 'mips64', 'mips64-n32': 'mips64n32', mipsel: 'mipsel', mipsel64: 'mipsel64', 'mipsel64-n32': 'mipsel64n32',
  riscv64: 'riscv64', s390: 's390', s390x: 's390x', loongarch64: 'loongarch64',
}

const COMPARES: Readonly<Record<string, SeccompCompare>> = {
  '!=': 'ne', SCMP_CMP_NE: 'ne', '<': 'lt', SCMP_CMP_LT: 'lt', '<=': 'le', SCMP_CMP_LE: 'le', '==': 'eq', SCMP_CMP_EQ: 'eq',
  '>=': 'ge', SCMP_CMP_GE: 'ge', '>': 'gt', SCMP_CMP_GT: 'gt', '&=': 'masked_eq', SCMP_CMP_MASKED_EQ: 'masked_eq',
}

/** Throws TlxcError CONFIG (or UNSUPPORTED for notify) with file and line. */
export function parseSeccompProfile(text: string, file: string): Seccomp {
  const lines = text.split('\n').map((line, index) => ({ text: line.trim(), place: { file, line: index + 1 } }))
  const [version, policy, ...rest] = lines.filter(({ text: line }, index) => index < 1 || (line !== '' && !line.startsWith('#')))
  if (version?.text !== '1' && version?.text !== '2') throw bad({ file, line: 1 }, 'the first line must be the version, 1 or 2')
  if (policy === undefined) throw bad({ file, line: 2 }, 'the second line must be allowlist or denylist')
  const [kind, ...given] = policy.text.split(/\s+/)
  const isAllow = kind === 'allowlist' || kind === 'whitelist'
  if (!isAllow && kind !== 'denylist' && kind !== 'blacklist') throw bad(policy.place, `"${policy.text}" is neither allowlist nor denylist`)
  if (version.text === '1') {
    if (!isAllow) throw bad(policy.place, 'version 1 knows only allowlist')
    return seccomp(KILL, rest.map(({ text: line, place }) => numberedRule(line, place)))
  }
  const action = given.length === 0 ? KILL : parseAction(given, policy.place).action
  return seccomp(isAllow ? action : ALLOW, parseRules(rest, isAllow ? ALLOW : action))
}

function seccomp(byDefault: Action, rules: SeccompRule[]): Seccomp {
  return { default_action: byDefault.action, default_errno: byDefault.errno, rules, allow_nesting: false }
}

/** Version 1 names system calls by their number on the native architecture. */
function numberedRule(line: string, place: Place): SeccompRule {
  if (!/^\d{1,6}$/.test(line)) throw bad(place, `"${line}" is no system call number`)
  return { syscall: line, action: 'allow', errno: 0, args: [] }
}

function parseRules(lines: readonly { text: string; place: Place }[], byDefault: Action): SeccompRule[] {
  const rules: SeccompRule[] = []
  let arch: string | undefined
  for (const { text, place } of lines) {
    const line = text.replace(/\s+#.*$/, '')
    if (line.startsWith('[')) arch = parseHeader(line, place)
    else rules.push({ ...parseRule(line, place, byDefault), arch })
  }
  return rules
}

/** undefined: all architectures. */
function parseHeader(line: string, place: Place): string | undefined {
  const name = /^\[([\w-]+)\]$/.exec(line)?.[1]?.toLowerCase()
  if (name === 'all') return undefined
  if (name === undefined || !Object.hasOwn(ARCHES, name)) throw bad(place, `"${line}" is no architecture`)
  return ARCHES[name]
}

function parseRule(line: string, place: Place, byDefault: Action): SeccompRule {
  const bracket = line.indexOf('[')
  const [name = '', ...words] = (bracket < 0 ? line : line.slice(0, bracket)).trim().split(/\s+/)
  if (name === 'reject_force_umount') return forcedUmount()
  if (!/^\w+$/.test(name)) throw bad(place, `"${line}" does not start with a system call`)
  const { action, rest } = words.length === 0 ? { action: byDefault, rest: [] } : parseAction(words, place)
  if (rest.length > 0) throw bad(place, `"${rest.join(' ')}" is not understood`)
  return { syscall: name, action: action.action, errno: action.errno, args: bracket < 0 ? [] : parseArgs(line.slice(bracket), place) }
}

/** umount -f aborts pending requests of a network filesystem, for the host and other containers too (umount(2), MNT_FORCE). */
function forcedUmount(): SeccompRule {
  return { syscall: 'umount2', action: 'errno', errno: EACCES, args: [{ index: 1, op: 'masked_eq', value: MNT_FORCE, mask: MNT_FORCE }] }
}

function parseAction(words: readonly string[], place: Place): { action: Action; rest: readonly string[] } {
  const [name, number, ...rest] = words
  if (name === 'errno') {
    const errno = number !== undefined && /^\d{1,5}$/.test(number) ? Number(number) : NaN
    if (!(errno <= MAX_ERRNO)) throw bad(place, `errno needs a number up to ${MAX_ERRNO}`)
    return { action: { action: 'errno', errno }, rest }
  }
  if (name === 'kill' || name === 'trap' || name === 'allow' || name === 'log' || name === 'kill_process') {
    return { action: { action: name, errno: 0 }, rest: words.slice(1) }
  }
  if (name === 'notify') {
    throw new TlxcError('UNSUPPORTED', `cannot use ${place.file}:${place.line}: the seccomp action notify is not supported`, {
      hint: 'use errno N, or remove the rule',
    })
  }
  throw bad(place, `"${name}" is no action`)
}

function parseArgs(text: string, place: Place): SeccompArg[] {
  if (!/^(\[[^[\]]*\])([\s,]*\[[^[\]]*\])*[\s,]*$/.test(text)) throw bad(place, `"${text}" are no argument tests`)
  return [...text.matchAll(/\[([^[\]]*)\]/g)].map((match) => parseArg(match[1] ?? '', place))
}

function parseArg(text: string, place: Place): SeccompArg {
  const [index = '', value = '', compare = '', mask, ...more] = text.split(',').map((part) => part.trim())
  const op = Object.hasOwn(COMPARES, compare) ? COMPARES[compare] : undefined
  if (!/^[0-5]$/.test(index) || op === undefined || more.length > 0) throw bad(place, `"[${text}]" is not [INDEX,VALUE,OPERATOR,MASK]`)
  const arg: SeccompArg = { index: Number(index), op, value: unsigned(value, place) }
  if (op !== 'masked_eq') return arg
  if (mask === undefined) throw bad(place, `"[${text}]" needs a mask`)
  return { ...arg, mask: unsigned(mask, place) }
}

function unsigned(text: string, place: Place): string {
  const value = /^(0x[\da-f]{1,16}|\d{1,20})$/i.test(text) ? BigInt(text) : U64_END
  if (value >= U64_END) throw bad(place, `"${text}" is no unsigned 64 bit number`)
  return value.toString()
}

function bad(place: Place, reason: string): TlxcError {
  return new TlxcError('CONFIG', `cannot use ${place.file}:${place.line}: ${reason}`, { hint: 'see SECCOMP in tlxc.container.conf(5)' })
}
