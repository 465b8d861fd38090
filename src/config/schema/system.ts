/** Rows of the system configuration, /etc/tlxc/tlxc.conf. */
import { bool, integer } from '../codecs/number.ts'
import { duration } from '../codecs/duration.ts'
import { absolutePath, interfaceName, relativePath, text } from '../codecs/text.ts'
import { isIpv4, isIpv6 } from '../codecs/ip.ts'
import { keepCount } from './own.ts'
import { matching, oneOf, type Codec } from '../codecs/codec.ts'

export interface SystemConfig {
  /** lxc.lxcpath; absent: the built-in one (Paths.lxcpath). */
  lxcpath?: string
  /** lxc.default_config; absent: default.conf beside tlxc.conf. */
  defaultConfig?: string
  /** lxc.cgroup.use: version 1 controllers; absent: all. */
  cgroupUse?: readonly string[]
  /** lxc.cgroup.pattern: %n is the container's name. */
  cgroupPattern?: string
  network: {
    /** Name of the managed bridge. */
    bridge: string
    /** "auto": the first free network; "none"; or the bridge's own address with prefix length, "10.0.4.1/24". */
    ipv4: string
    /** "none", "auto" (a stable unique local network, RFC 4193), or address with prefix length. */
    ipv6: string
    /** DNS domain of the containers. */
    domain: string
    /** Masquerade what leaves for the outside. */
    nat: boolean
    mtu?: number
  }
  /** Pool of id ranges; null: root's allotment in /etc/subuid and /etc/subgid. */
  idmap: { start: number; count: number } | null
  create: {
    privileged: boolean
    storage: string
  }
  trash: {
    /** How long a destroyed container can be brought back, milliseconds; 0: it is not kept. */
    keep: number
  }
  /** What tlxc-snapshot --prune keeps where the container's own keys (tlxc.snapshot.keep.…) say nothing; absent: the rule is not in force. */
  snapshot: {
    keepLast?: number
    keepHourly?: number
    keepDaily?: number
    keepWeekly?: number
    keepMonthly?: number
    /** How long it leaves a restore that can be taken back, milliseconds. */
    keepUndo: number
  }
}

export interface SystemRow {
  /** lxc.… or SECTION.KEY */
  name: string
  /** In SystemConfig, or in the object of the section; absent: only tlxc-config shows it. */
  field?: string
  codec: Codec<unknown>
  default?: unknown
  doc: string
  example: string
}

const words: Codec<readonly string[]> = {
  expects: 'names separated by commas',
  parse: (raw) => raw.split(',').map((part) => part.trim()).filter(Boolean),
  format: (values) => values.join(','),
}

const bridgeAddress = (isAddress: (raw: string) => boolean, longest: number, expects: string): Codec<string> =>
  matching(expects, (raw) => {
    const [address = '', prefix = '', ...rest] = raw.split('/')
    if (raw === 'auto' || raw === 'none') return true
    return rest.length === 0 && isAddress(address) && /^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= longest
  })

const domain = matching('a domain name', (raw) => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(raw))
const storage = oneOf(['overlay', 'dir', 'btrfs', 'best'])

const newestOf = (periods: string): string => `the newest snapshot of each of the last N ${periods} that have one`

const BDEV = 'Shown by tlxc-config for the programs that ask; no storage of this version uses it.'

/** In the order of lxc-config -l, then ours. */
export const SYSTEM_ROWS: readonly SystemRow[] = [
  {
    name: 'lxc.default_config', field: 'defaultConfig', codec: absolutePath, example: '/etc/tlxc/default.conf',
    doc: 'Configuration that tlxc-create starts from when -f is not given.',
  },
  {
    name: 'lxc.lxcpath', field: 'lxcpath', codec: absolutePath, example: '/srv/containers',
    doc: 'Directory of the containers; -P goes before it.',
  },
  { name: 'lxc.bdev.lvm.vg', codec: text, default: 'lxc', example: 'vg0', doc: `Volume group. ${BDEV}` },
  { name: 'lxc.bdev.lvm.thin_pool', codec: text, default: 'lxc', example: 'thin', doc: `Thin pool. ${BDEV}` },
  { name: 'lxc.bdev.zfs.root', codec: text, default: 'lxc', example: 'tank/lxc', doc: `Dataset. ${BDEV}` },
  { name: 'lxc.bdev.rbd.rbdpool', codec: text, default: 'lxc', example: 'lxc', doc: `Pool. ${BDEV}` },
  { name: 'lxc.bdev.rbd.rbduser', codec: text, default: 'admin', example: 'admin', doc: `User. ${BDEV}` },
  {
    name: 'lxc.cgroup.use', field: 'cgroupUse', codec: words, example: 'memory,cpu',
    doc: 'Version 1 controllers to use; default all that are mounted.',
  },
  {
    name: 'lxc.cgroup.pattern', field: 'cgroupPattern', codec: relativePath, example: 'lxc/%n',
    doc: 'Control group of a container; %n is its name.',
  },
  {
    name: 'network.bridge', field: 'bridge', codec: interfaceName, default: 'tlxcbr0', example: 'tlxcbr0',
    doc: 'Name of the managed bridge.',
  },
  {
    name: 'network.ipv4', field: 'ipv4', codec: bridgeAddress(isIpv4, 29, 'auto, none, or ADDRESS/PREFIX of the bridge, e.g. 10.0.4.1/24'),
    default: 'auto', example: '10.0.4.1/24', doc: 'Address of the bridge with the prefix of its network; auto: the first free network.',
  },
  {
    name: 'network.ipv6', field: 'ipv6', codec: bridgeAddress(isIpv6, 64, 'auto, none, or ADDRESS/PREFIX of the bridge, e.g. fd42::1/64'),
    default: 'none', example: 'fd42::1/64', doc: 'The same for IPv6; auto: a unique local network (RFC 4193) that stays the same.',
  },
  { name: 'network.domain', field: 'domain', codec: domain, default: 'tlxc', example: 'tlxc', doc: 'DNS domain of the containers.' },
  {
    name: 'network.nat', field: 'nat', codec: bool, default: true, example: '1',
    doc: 'Let containers reach the outside under the address of the host.',
  },
  {
    name: 'network.mtu', field: 'mtu', codec: integer(68, 65535), example: '1500',
    doc: 'Largest packet on the bridge; default that of the kernel.',
  },
  {
    name: 'idmap.start', field: 'start', codec: integer(1, 2 ** 32 - 2), example: '1000000',
    doc: 'First id of the pool from which containers get 65536 ids each; default the allotment of root in /etc/subuid and /etc/subgid.',
  },
  { name: 'idmap.count', field: 'count', codec: integer(65536, 2 ** 32 - 2), example: '6553600', doc: 'How many ids the pool has.' },
  {
    name: 'create.privileged', field: 'privileged', codec: bool, default: false, example: '0',
    doc: '1: tlxc-create makes privileged containers without being told.',
  },
  {
    name: 'create.storage', field: 'storage', codec: storage, default: 'overlay', example: 'dir',
    doc: 'Storage of new containers when -B is not given.',
  },
  {
    name: 'trash.keep', field: 'keep', codec: duration, default: 24 * 3600 * 1000, example: '7d',
    doc: 'How long tlxc-destroy --undo can bring a destroyed container back; 0: it is gone at once. What is older goes with the next create or destroy.',
  },
  { name: 'snapshot.keep.last', field: 'keepLast', codec: keepCount, example: '3', doc: 'tlxc-snapshot --prune keeps the newest N snapshots.' },
  { name: 'snapshot.keep.hourly', field: 'keepHourly', codec: keepCount, example: '24', doc: `It keeps ${newestOf('hours')}.` },
  { name: 'snapshot.keep.daily', field: 'keepDaily', codec: keepCount, example: '7', doc: `It keeps ${newestOf('days')}.` },
  { name: 'snapshot.keep.weekly', field: 'keepWeekly', codec: keepCount, example: '4', doc: `It keeps ${newestOf('weeks (from Monday)')}.` },
  { name: 'snapshot.keep.monthly', field: 'keepMonthly', codec: keepCount, example: '6', doc: `It keeps ${newestOf('months')}.` },
  {
    name: 'snapshot.keep.undo', field: 'keepUndo', codec: duration, default: 7 * 24 * 3600 * 1000, example: '2d',
    doc: 'How long tlxc-snapshot --undo can take a restore back: a --prune frees what was put aside longer ago; 0: at once. Without a --prune it stays until the next restore.',
  },
]
