/** Names of LXC 1.x and 2.x and what they are called since 3.0. Pure tables and one function; used by load and by update. */

/** Old key → new key; null: it has no meaning any more. */
export const LEGACY_NAMES: Readonly<Record<string, string | null>> = {
  'lxc.id_map': 'lxc.idmap',
  'lxc.pts': 'lxc.pty.max',
  'lxc.tty': 'lxc.tty.max',
  'lxc.devttydir': 'lxc.tty.dir',
  'lxc.aa_profile': 'lxc.apparmor.profile',
  'lxc.aa_allow_incomplete': 'lxc.apparmor.allow_incomplete',
  'lxc.se_context': 'lxc.selinux.context',
  'lxc.mount': 'lxc.mount.fstab',
  'lxc.utsname': 'lxc.uts.name',
  'lxc.seccomp': 'lxc.seccomp.profile',
  'lxc.console': 'lxc.console.path',
  'lxc.haltsignal': 'lxc.signal.halt',
  'lxc.rebootsignal': 'lxc.signal.reboot',
  'lxc.stopsignal': 'lxc.signal.stop',
  'lxc.syslog': 'lxc.log.syslog',
  'lxc.loglevel': 'lxc.log.level',
  'lxc.logfile': 'lxc.log.file',
  'lxc.init_cmd': 'lxc.init.cmd',
  'lxc.init_uid': 'lxc.init.uid',
  'lxc.init_gid': 'lxc.init.gid',
  'lxc.rootfs': 'lxc.rootfs.path',
  'lxc.rootfs.backend': null,
  'lxc.pivotdir': null,
  'lxc.kmsg': null,
  'lxc.network': 'lxc.net',
  'lxc.limit': 'lxc.prlimit',
}

export interface Translation {
  /** null: the line goes away. */
  key: string | null
  value: string
}

/** What has to be remembered from line to line, over includes. */
export class LegacyTranslator {
  /** Number of the interface that unindexed keys are about; each lxc.network.type begins the next one. */
  #network = -1
  #backend: string | undefined
  #rootfs: string | undefined

  /** null: not an old name. */
  translate(key: string, value: string): Translation | null {
    if (key.startsWith('lxc.network')) return this.#translateNetwork(key, value)
    if (key.startsWith('lxc.limit.')) return { key: key.replace('lxc.limit.', 'lxc.prlimit.'), value }
    if (key === 'lxc.rootfs') {
      this.#rootfs = value
      return { key: 'lxc.rootfs.path', value: this.#rootfsPath(value) }
    }
    if (key === 'lxc.rootfs.backend') {
      this.#backend = value || undefined
      return this.#rootfs === undefined ? { key: null, value } : { key: 'lxc.rootfs.path', value: this.#rootfsPath(this.#rootfs) }
    }
    const name = Object.hasOwn(LEGACY_NAMES, key) ? LEGACY_NAMES[key] : undefined
    return name === undefined ? null : { key: name, value }
  }

  #translateNetwork(key: string, value: string): Translation | null {
    const match = /^lxc\.network(?:\.([0-9]+))?(?:\.(.*))?$/.exec(key)
    if (!match) return null
    const [, index, rest] = match
    if (rest === undefined) {
      if (index === undefined) this.#network = -1
      return { key: index === undefined ? 'lxc.net' : `lxc.net.${index}`, value }
    }
    if (index === undefined && rest === 'type') this.#network++
    const subkey = rest === 'ipv4' || rest === 'ipv6' ? `${rest}.address` : rest
    return { key: `lxc.net.${index ?? Math.max(this.#network, 0)}.${subkey}`, value }
  }

  #rootfsPath(path: string): string {
    if (path === '' || /^[a-z]+:/.test(path)) return path
    return `${this.#backend ?? 'dir'}:${path}`
  }
}
