/**
 * protocol/: what TypeScript and C say to each other. This file is the only source: `npm run generate` makes
 * src/protocol/generated.ts and native/include/protocol.gen.h + native/src/protocol.gen.c from it.
 * Nothing here may import anything. Fields are only ever appended; a change of meaning bumps PROTOCOL_VERSION.
 */
export const PROTOCOL_VERSION = 1

/** Limits that both sides enforce on what they receive. */
export const LIMITS = {
  /** One framed message, bytes of payload. */
  maxMessage: 1 << 20,
  /** A whole launch plan, bytes of JSON text. */
  maxPlan: 4 << 20,
  /** Bytes of a container name. */
  maxName: 64,
} as const

/**
 * A field's type: `string`, `uint`, `int`, `bool`, `enum:Name`, `struct:Name`; `[]` after it makes a list,
 * `?` after it makes it optional (absent or null). Every other field must be present.
 */
export interface Field {
  type: string
  doc: string
}
export interface Struct {
  doc: string
  fields: Record<string, Field>
}
export interface EnumDef {
  doc: string
  /** Wire strings, in order. */
  values: readonly string[]
}

const f = (type: string, doc: string): Field => ({ type, doc })

export const ENUMS: Record<string, EnumDef> = {
  State: {
    doc: "A container's state, as lxc-wait(1) and lxc-monitor(1) name them.",
    values: ['STOPPED', 'STARTING', 'RUNNING', 'STOPPING', 'ABORTING', 'FREEZING', 'FROZEN', 'THAWED'],
  },
  LogLevel: {
    doc: 'Log priorities, as lxc.log.level names them.',
    values: ['TRACE', 'DEBUG', 'INFO', 'NOTICE', 'WARN', 'ERROR', 'CRIT', 'ALERT', 'FATAL'],
  },
  Namespace: { doc: 'Namespaces, as in lxc.namespace.clone.', values: ['mnt', 'pid', 'uts', 'ipc', 'user', 'net', 'cgroup', 'time'] },
  IdKind: { doc: 'Which ids an id map maps: u or g of lxc.idmap.', values: ['uid', 'gid'] },
  Personality: { doc: 'personality(2) of init.', values: ['none', 'linux', 'linux32'] },
  MountFrom: {
    doc:
      'Who can reach the source. host: the monitor makes the detached mount (host path or block device) and hands it in; ' +
      'container: the stage makes it inside the namespaces (proc, sysfs, tmpfs, …); root: the source is a path inside the rootfs (option relative).',
    values: ['host', 'container', 'root'],
  },
  MountAttr: {
    doc: 'MOUNT_ATTR_* of mount_setattr(2), and the superblock flags that fsconfig(2) takes by name.',
    values: [
      'rdonly', 'nosuid', 'nodev', 'noexec', 'noatime', 'strictatime', 'relatime', 'nodiratime', 'nosymfollow',
      'sb_rdonly', 'sync', 'dirsync', 'lazytime', 'mand',
    ],
  },
  Propagation: {
    doc: 'Propagation of a mount; the r-forms apply to the whole tree below.',
    values: ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave', 'unbindable', 'runbindable'],
  },
  BindKind: { doc: 'none: a new filesystem; bind and rbind as mount(8).', values: ['none', 'bind', 'rbind'] },
  CreateKind: { doc: 'create= of lxc.mount.entry.', values: ['none', 'dir', 'file'] },
  CgroupMountMode: { doc: 'How cgroup trees are mounted for the container by lxc.mount.auto.', values: ['none', 'ro', 'mixed', 'rw'] },
  NetType: { doc: 'lxc.net.N.type.', values: ['veth', 'macvlan', 'ipvlan', 'vlan', 'phys', 'empty'] },
  SeccompAction: { doc: 'Actions of a seccomp rule.', values: ['kill', 'trap', 'allow', 'errno', 'log', 'kill_process'] },
  SeccompCompare: { doc: 'Comparisons of a seccomp argument.', values: ['ne', 'lt', 'le', 'eq', 'ge', 'gt', 'masked_eq'] },
  HookType: {
    doc: 'lxc.hook.*',
    values: ['pre-start', 'pre-mount', 'mount', 'autodev', 'start-host', 'start', 'stop', 'post-stop'],
  },
  InitStdio: {
    doc: 'What init gets as stdin/stdout/stderr: the console pty, the descriptors of the caller of the monitor with its terminals replaced by the console pty, or /dev/null.',
    values: ['console', 'inherit', 'null'],
  },
  Op: {
    doc: 'What a client asks of a monitor; see src/protocol/README.md.',
    values: ['status', 'signal', 'kill', 'freeze', 'unfreeze', 'subscribe', 'console', 'attach', 'devices'],
  },
  StorageOp: {
    doc: 'One thing that the storage program does; which fields of StorageStep belong to it is in src/protocol/README.md.',
    values: ['sync', 'immutable', 'upper', 'workdir', 'mount', 'unmount', 'probe', 'subvolume'],
  },
}

export const STRUCTS: Record<string, Struct> = {
  IdMap: {
    doc: 'One line of /proc/PID/uid_map or gid_map (user_namespaces(7)).',
    fields: {
      kind: f('enum:IdKind', 'uid or gid'),
      ns: f('uint', 'first id inside'),
      host: f('uint', 'first id outside'),
      range: f('uint', 'how many'),
    },
  },
  SharedNamespace: {
    doc: 'A namespace taken over from elsewhere instead of made.',
    fields: { kind: f('enum:Namespace', ''), path: f('string', 'a namespace file, e.g. /proc/123/ns/net') },
  },
  Namespaces: {
    doc: 'Which namespaces are made and which are shared. mnt is always made.',
    fields: {
      clone: f('enum:Namespace[]', 'made new'),
      share: f('struct:SharedNamespace[]', 'entered before the clone'),
      boot_offset_ns: f('int?', 'lxc.time.offset.boot, nanoseconds'),
      monotonic_offset_ns: f('int?', 'lxc.time.offset.monotonic, nanoseconds'),
    },
  },
  MountOption: { doc: 'One filesystem option for fsconfig(2); no value means a flag.', fields: { key: f('string', ''), value: f('string?', '') } },
  Mount: {
    doc: 'One mount in the container, in the order of the list.',
    fields: {
      source: f('string', 'host path, path in the rootfs, or the name shown for a new filesystem'),
      target: f('string', 'relative to the rootfs, no leading slash; resolved with openat2 inside it, symlinks refused'),
      type: f('string', 'filesystem type; "none" for binds'),
      bind: f('enum:BindKind', ''),
      from: f('enum:MountFrom', ''),
      attrs: f('enum:MountAttr[]', ''),
      options: f('struct:MountOption[]', 'filesystem options, in order'),
      propagation: f('enum:Propagation[]', 'applied after attaching'),
      create: f('enum:CreateKind', 'make the target (and its parents) if missing'),
      optional: f('bool', 'a failure is a warning'),
      remount: f('bool', 'change attrs of the mount that is at target; source is ignored'),
      move: f('bool', 'mount --move of a source inside the rootfs'),
      idmap: f('string?', '"container", or the path of a user namespace file'),
      origin: f('string?', 'where it came from, for messages: "config:12" or "lxc.mount.auto"'),
    },
  },
  Overlay: {
    doc: 'A stack of layers under one upper, all of them in one pool directory (src/protocol/README.md, "Storage").',
    fields: {
      pool: f('string', 'absolute path of the pool'),
      lowers: f('string[]', 'names of layers in the pool, top first; 1 to 500'),
      upper: f('string', 'name in the pool of the directory with up/ and wk/'),
      volatile: f('bool', 'for a container that is destroyed when it stops: nothing is synced'),
      memory: f('bool', 'what it writes goes to a tmpfs of its own, which ends with its root; what the disk has of the upper is read only'),
      view: f('string?', "absolute path on the host where the container's files are seen: its own mount while it runs, the unshifted view when it stopped"),
    },
  },
  Rootfs: {
    doc: 'The root filesystem.',
    fields: {
      path: f('string?', 'absolute host path of the directory; absent: the host root is shared (lxc-execute without rootfs)'),
      mount_point: f('string', 'where it is mounted in the private mount namespace; an existing host directory'),
      idmap: f('bool', "mount it through the container's id map (files on disk stay unshifted)"),
      idmap_path: f('string?', 'or through the map of this user namespace file'),
      attrs: f('enum:MountAttr[]', 'from lxc.rootfs.options'),
      propagation: f('enum:Propagation[]', 'from lxc.rootfs.options; default rslave of the host tree'),
      overlay: f('struct:Overlay?', 'the root is this stack, mounted by the monitor; path only names it then'),
    },
  },
  DevNode: {
    doc: 'A character device made in /dev; bind-mounted from the host when mknod gives EPERM in a user namespace.',
    fields: { path: f('string', 'relative to /dev'), major: f('uint', ''), minor: f('uint', ''), mode: f('uint', 'permission bits') },
  },
  DevLink: { doc: 'A symbolic link made in /dev when missing.', fields: { path: f('string', 'relative to /dev'), target: f('string', '') } },
  Dev: {
    doc: '/dev of the container.',
    fields: {
      autodev: f('bool', 'lxc.autodev: a tmpfs on /dev, filled'),
      tmpfs_size: f('uint', 'bytes'),
      nodes: f('struct:DevNode[]', ''),
      links: f('struct:DevLink[]', ''),
    },
  },
  Tty: {
    doc: "ttys beside the console; ptys come from the container's own devpts.",
    fields: {
      max: f('uint', 'lxc.tty.max'),
      dir: f('string?', 'lxc.tty.dir: slaves are bound on /dev/DIR/ttyN, with links from /dev/ttyN'),
      pty_max: f('uint', 'lxc.pty.max; devpts gets max= pty_max + max'),
    },
  },
  Console: {
    doc: '/dev/console and what is kept of its output.',
    fields: {
      enabled: f('bool', 'false for lxc.console.path = none: no console pty'),
      path: f('string?', 'lxc.console.path: a file or tty of the host that gets all output'),
      logfile: f('string?', 'lxc.console.logfile'),
      log_size: f('uint', 'lxc.console.size, bytes; 0: no limit'),
      rotate: f('bool', 'lxc.console.rotate: keep FILE.1 when log_size is reached'),
      buffer_size: f('uint', 'ring buffer, bytes, a power of two; at least the default 16384 is kept so that a late client sees recent output'),
    },
  },
  CgroupHierarchy: {
    doc: 'One mounted cgroup hierarchy of the host (cgroups(7)).',
    fields: {
      version: f('uint', '1 or 2'),
      controllers: f('string[]', 'v1: those mounted here (name=systemd for a named one); v2: those available in cgroup.controllers'),
      mount: f('string', 'absolute mount point'),
      base: f('string', 'cgroup under which ours are made, starting with /; from /proc/self/cgroup of the caller or lxc.cgroup.relative'),
    },
  },
  CgroupLimit: {
    doc: 'lxc.cgroup.FILE (version 1) or lxc.cgroup2.FILE (version 2), in order; devices.* are in devices.',
    fields: { version: f('uint', ''), file: f('string', ''), value: f('string', '') },
  },
  DeviceRule: {
    doc: 'devices.allow / devices.deny in order; on v2 compiled to BPF (deny a = allow-list from here on; allow a = deny-list).',
    fields: {
      version: f('uint', '1 for lxc.cgroup.devices.*, 2 for lxc.cgroup2.devices.*'),
      allow: f('bool', ''),
      rule: f('string', '"a" or "c|b MAJ:MIN rwm" with *'),
    },
  },
  Cgroup: {
    doc: 'Control groups. monitor and payload are sibling leaves; a -N suffix (1..999) is added natively when the payload name exists.',
    fields: {
      hierarchies: f('struct:CgroupHierarchy[]', 'only those that are used'),
      payload: f('string', 'path below base, e.g. tlxc.payload.c1'),
      payload_inner: f('string?', 'lxc.cgroup.dir.container.inner: one more level, in which init lives; limits apply to payload'),
      monitor: f('string', 'path below base, e.g. tlxc.monitor.c1'),
      monitor_pivot: f('string?', 'lxc.cgroup.dir.monitor.pivot: where the monitor goes on exit'),
      limits: f('struct:CgroupLimit[]', ''),
      devices: f('struct:DeviceRule[]', ''),
      mount: f('enum:CgroupMountMode', 'only set when no cgroup namespace is made or :force was given'),
      mount_full: f('bool', 'cgroup-full'),
      mount_unified: f('bool', 'cgroup2: only the v2 hierarchy at /sys/fs/cgroup'),
    },
  },
  Address: {
    doc: 'An address of an interface.',
    fields: {
      family: f('uint', '4 or 6'),
      address: f('string', 'numeric'),
      prefix: f('uint', 'length'),
      broadcast: f('string?', 'IPv4 only'),
    },
  },
  NetDevice: {
    doc: 'One lxc.net.N.',
    fields: {
      index: f('uint', 'N'),
      type: f('enum:NetType', ''),
      name: f('string?', 'name inside; absent: ethN by position'),
      link: f('string?', 'host bridge (veth) or parent (macvlan, ipvlan, vlan, phys)'),
      host_name: f('string?', 'veth.pair; absent: vethXXXXXX random'),
      hwaddr: f('string?', 'aa:bb:cc:dd:ee:ff'),
      mtu: f('uint?', ''),
      up: f('bool', 'lxc.net.N.flags'),
      addresses: f('struct:Address[]', ''),
      gateway4: f('string?', 'numeric, or "dev"'),
      gateway6: f('string?', 'numeric, or "dev"'),
      mode: f('string?', 'veth: bridge|router; macvlan: private|vepa|bridge|passthru; ipvlan: l2|l3|l3s'),
      isolation: f('string?', 'ipvlan: bridge|private|vepa'),
      vlan_id: f('uint?', 'vlan.id'),
      bridge_vlan_id: f('string?', 'veth.vlan.id: number or "none"'),
      bridge_vlan_tagged: f('uint[]', 'veth.vlan.tagged.id'),
      routes4: f('string[]', 'veth.ipv4.route: net/len on the host side'),
      routes6: f('string[]', 'veth.ipv6.route'),
      n_rxqueues: f('uint?', ''),
      n_txqueues: f('uint?', ''),
      script_up: f('string[]', 'argv of script.up, without the arguments that only the monitor knows (link, veth)'),
      script_down: f('string[]', 'argv of script.down'),
      l2proxy: f('bool', ''),
    },
  },
  SeccompArg: {
    doc: 'One argument test of a seccomp rule.',
    fields: { index: f('uint', ''), op: f('enum:SeccompCompare', ''), value: f('string', 'unsigned 64 bit, decimal'), mask: f('string?', 'only for masked_eq; as value') },
  },
  SeccompRule: {
    doc: 'One rule; all args must match.',
    fields: {
      syscall: f('string', 'name; unknown ones are skipped with a log line'),
      arch: f('string?', 'libseccomp architecture token (x86_64, x86, …); absent: native and all compatible ones'),
      action: f('enum:SeccompAction', ''),
      errno: f('uint', 'for action errno'),
      args: f('struct:SeccompArg[]', ''),
    },
  },
  Seccomp: {
    doc: 'A seccomp filter, already parsed.',
    fields: {
      default_action: f('enum:SeccompAction', ''),
      default_errno: f('uint', ''),
      rules: f('struct:SeccompRule[]', ''),
      allow_nesting: f('bool', 'lxc.seccomp.allow_nesting'),
    },
  },
  Rlimit: {
    doc: 'setrlimit(2).',
    fields: { resource: f('string', 'lower-case name without RLIMIT_'), soft: f('string', 'number or "unlimited"'), hard: f('string', 'number or "unlimited"') },
  },
  KeyValue: { doc: 'lxc.sysctl.KEY or lxc.proc.FILE.', fields: { key: f('string', ''), value: f('string', '') } },
  Security: {
    doc: 'What init may do.',
    fields: {
      bounding: f('string[]?', 'capability names (lower case, no cap_) that stay in the bounding set; absent: all stay'),
      no_new_privs: f('bool', ''),
      seccomp: f('struct:Seccomp?', ''),
      apparmor_profile: f('string?', 'absent: leave alone'),
      selinux_context: f('string?', ''),
      selinux_keyring_context: f('string?', ''),
      new_keyring: f('bool', 'lxc.keyring.session'),
      sched_core: f('bool', 'PR_SCHED_CORE, a cookie of its own'),
    },
  },
  Init: {
    doc: 'The first process.',
    fields: {
      argv: f('string[]', 'absolute path or a name looked up in PATH of env'),
      execute: f('bool', 'true: the stage itself is PID 1 (forks argv, reaps, forwards signals), as lxc-execute'),
      cwd: f('string?', 'lxc.init.cwd, made if missing'),
      uid: f('uint', ''),
      gid: f('uint', ''),
      groups: f('uint[]', 'lxc.init.groups'),
      env: f('string[]', 'NAME=VALUE, complete; container_ttys is added natively'),
      stdio: f('enum:InitStdio', ''),
    },
  },
  Signals: {
    doc: 'lxc.signal.*, as numbers.',
    fields: {
      halt: f('uint?', 'absent: SIGRTMIN+3 if init blocks it (systemd), else SIGPWR'),
      reboot: f('uint', ''),
      stop: f('uint', ''),
    },
  },
  Hook: { doc: 'One hook, finished argv.', fields: { type: f('enum:HookType', ''), argv: f('string[]', '') } },
  Log: {
    doc: "The monitor's log.",
    fields: {
      file: f('string?', 'appended; 0640'),
      level: f('enum:LogLevel', ''),
      syslog: f('string?', 'facility: daemon, local0…local7'),
    },
  },
  Plan: {
    doc: 'Everything that the monitor needs to run a container; finished, nothing left to decide.',
    fields: {
      version: f('uint', 'PROTOCOL_VERSION'),
      name: f('string', ''),
      lxcpath: f('string', ''),
      run_dir: f('string', '0700 directory of this container: lock, command (socket), state.json'),
      events_dir: f('string', '0700 directory of FIFOs; see README.md'),
      stage: f('string', 'absolute path of the static stage executable, copied into a sealed memfd'),
      foreground: f('bool', 'stay with the caller instead of daemonizing'),
      pidfile: f('string?', ''),
      log: f('struct:Log', ''),
      monitor_unshare: f('bool', 'lxc.monitor.unshare'),
      pdeath_signal: f('uint', 'lxc.monitor.signal.pdeath; 0: init survives the monitor'),
      namespaces: f('struct:Namespaces', ''),
      idmap: f('struct:IdMap[]', 'empty: no user namespace'),
      hostname: f('string?', ''),
      personality: f('enum:Personality', ''),
      rootfs: f('struct:Rootfs', ''),
      mounts: f('struct:Mount[]', 'in order: automatic ones, fstab, entries'),
      dev: f('struct:Dev', ''),
      tty: f('struct:Tty', ''),
      console: f('struct:Console', ''),
      cgroup: f('struct:Cgroup', ''),
      network: f('struct:NetDevice[]', ''),
      security: f('struct:Security', ''),
      rlimits: f('struct:Rlimit[]', ''),
      sysctls: f('struct:KeyValue[]', 'key with dots'),
      proc: f('struct:KeyValue[]', ''),
      init: f('struct:Init', ''),
      signals: f('struct:Signals', ''),
      hooks: f('struct:Hook[]', 'in order'),
      hook_env: f('string[]', 'NAME=VALUE, complete but for what only the monitor knows (LXC_PID, LXC_TARGET, LXC_*_NS)'),
      hook_version: f('uint', '0 or 1'),
      after_stop: f('string[]', 'argv run detached after post-stop (ephemeral: destroy); may be empty'),
    },
  },
  Request: {
    doc: 'Client to monitor, one JSON frame.',
    fields: {
      version: f('uint', ''),
      op: f('enum:Op', ''),
      signal: f('int?', 'op signal: number; -1 halt, -2 reboot, -3 stop as the plan says'),
      timeout_ms: f('uint?', 'op freeze/unfreeze'),
      lease_ms: f('uint?', 'op freeze: thawed again when this connection closes, or so long after it was frozen; unless it was frozen before'),
      addresses: f('bool?', 'op status: interfaces with addresses and counters too'),
      history: f('bool?', 'op subscribe: first the states since this start'),
      tty: f('int?', 'op console: 0 console, N ttyN, -1 first free'),
      rows: f('uint?', 'op console'),
      cols: f('uint?', 'op console'),
      watch: f('bool?', 'op console: read only, does not take the tty'),
      rules: f('struct:DeviceRule[]?', 'op devices: applied to the running container'),
    },
  },
  InterfaceStatus: {
    doc: 'One interface of the container.',
    fields: {
      name: f('string', 'inside'),
      host_name: f('string?', 'veth end on the host'),
      addresses: f('struct:AddressStatus[]', 'scope global first'),
      rx_bytes: f('uint', 'received by the container'),
      tx_bytes: f('uint', 'sent by the container'),
    },
  },
  AddressStatus: {
    doc: 'An address that is there.',
    fields: { family: f('uint', '4 or 6'), address: f('string', ''), prefix: f('uint', ''), scope: f('uint', 'RT_SCOPE_*; 0 is global') },
  },
  CgroupPath: {
    doc: 'Where the container is in one hierarchy, absolute paths of the host.',
    fields: { version: f('uint', ''), controllers: f('string[]', ''), payload: f('string', 'limits go here'), init: f('string', 'where init is'), monitor: f('string', '') },
  },
  Status: {
    doc: "Reply to op status; also state.json in the run directory, written at every change, so that a later command can clean up after a killed monitor.",
    fields: {
      version: f('uint', ''),
      name: f('string', ''),
      lxcpath: f('string', ''),
      state: f('enum:State', ''),
      monitor_pid: f('uint', ''),
      monitor_start: f('uint', 'start time in ticks, field 22 of /proc/PID/stat, so that a recycled pid is told apart'),
      init_pid: f('uint', '0 before it exists'),
      started: f('uint', 'Unix time, milliseconds, when RUNNING was reached; 0 before'),
      cgroups: f('struct:CgroupPath[]', ''),
      host_interfaces: f('string[]', 'interfaces on the host that belong to it'),
      interfaces: f('struct:InterfaceStatus[]', 'empty unless asked for'),
      ttys: f('uint', ''),
      view: f('string?', "where the host sees the running container's files (plan.rootfs.overlay.view), while it is mounted"),
    },
  },
  Reply: {
    doc: 'Monitor to client, one JSON frame.',
    fields: {
      ok: f('bool', ''),
      error: f('string?', 'stable code: bad-request, version, busy, no-tty, not-running, no-console, timeout, failed'),
      message: f('string?', 'for people'),
      errno: f('uint?', ''),
      status: f('struct:Status?', 'op status'),
      tty: f('uint?', 'op console: the tty given'),
      was_frozen: f('bool?', 'op freeze with lease_ms: it was frozen already, and stays so when the lease ends'),
    },
  },
  Event: {
    doc: 'One line (JSON, at most 4096 bytes) to every FIFO of events_dir, and one frame to every subscriber.',
    fields: {
      name: f('string', ''),
      lxcpath: f('string', ''),
      state: f('enum:State?', 'a change of state'),
      exit_status: f('int?', 'wait status of init, once, before STOPPED: as waitpid(2) gives it'),
      pid: f('uint?', 'init, with RUNNING'),
      time: f('uint', 'Unix time, milliseconds'),
    },
  },
  Report: {
    doc: 'One line of JSON that the monitor (or attach) writes to its report descriptor, then closes it.',
    fields: {
      ok: f('bool', ''),
      monitor_pid: f('uint?', ''),
      init_pid: f('uint?', ''),
      code: f('string?', 'stable: already-running, plan, cgroup, namespace, idmap, rootfs, mount, dev, console, network, hook, security, init, aborted, internal'),
      stage: f('string?', 'what it was doing, e.g. "mount proc"'),
      syscall: f('string?', ''),
      errno: f('uint?', ''),
      detail: f('string?', 'on what: path, interface, hook; last output lines of a failed hook'),
      exit_status: f('int?', 'wait status of init if it ended before or right at start'),
    },
  },
  AttachRequest: {
    doc: 'argv[1] of the attach helper, as JSON.',
    fields: {
      version: f('uint', ''),
      socket: f('string', "the monitor's command socket"),
      name: f('string', ''),
      argv: f('string[]', 'empty: login shell of uid from passwd in the container, else /bin/sh'),
      namespaces: f('enum:Namespace[]?', 'absent: all that the container has'),
      elevate_cgroup: f('bool', ''),
      elevate_caps: f('bool', ''),
      elevate_lsm: f('bool', 'also leaves out seccomp and no_new_privs, as lxc-attach'),
      remount_sys_proc: f('bool', '-R'),
      uid: f('uint?', ''),
      gid: f('uint?', ''),
      env: f('string[]', 'complete environment but for HOME, USER of a login shell: NAME=VALUE; empty: the environment of the helper, which unlike its argv others cannot read'),
      default_shell_env: f('bool', 'set HOME/USER/SHELL from passwd when missing'),
      personality: f('enum:Personality?', 'absent: as the container'),
      pty_log: f('string?', '-L'),
      context: f('string?', '-c'),
      cwd: f('string?', 'absent: the caller’s if it exists inside, else /'),
    },
  },
  StorageStep: {
    doc: 'One step of the storage program.',
    fields: {
      op: f('enum:StorageOp', ''),
      path: f('string?', 'sync: any file of the filesystem; immutable: a directory; mount, unmount: the mount point; subvolume: a subvolume of btrfs. Absolute; its last component is no link'),
      to: f('string?', 'subvolume: its snapshot, which is not there yet'),
      on: f('bool?', 'immutable: set the flag or clear it'),
      pool: f('string?', 'absolute path of the pool; unmount: with upper, checks that nothing holds the upper afterwards'),
      name: f('string?', 'upper, workdir: the name in the pool'),
      lowers: f('string[]?', 'upper, mount: names of layers, top first'),
      upper: f('string?', 'mount, unmount, probe: the name in the pool'),
      readonly: f('bool?', 'mount: a read-only view, which takes no upper'),
    },
  },
  StorageRequest: {
    doc: 'argv[1] of the storage program, as JSON. The steps run in order; the first that fails ends it.',
    fields: { version: f('uint', ''), steps: f('struct:StorageStep[]', '') },
  },
  StorageUser: {
    doc: 'A process that keeps a mount busy.',
    fields: {
      pid: f('uint', ''),
      comm: f('string', 'its name, as in /proc/PID/comm'),
      what: f('string', 'cwd, root, open FILE, mapped FILE, or a mount namespace'),
    },
  },
  StorageReport: {
    doc: 'One line of JSON on stdout (or the descriptor of --report-fd); exit status 0 or 1.',
    fields: {
      ok: f('bool', ''),
      step: f('uint?', 'index of the step that failed'),
      syscall: f('string?', ''),
      errno: f('uint?', ''),
      detail: f('string?', 'on what, and what the kernel said'),
      busy: f('struct:StorageUser[]', 'unmount: who uses it'),
      outcomes: f('string[]', 'one word for each step that was done: see src/protocol/README.md'),
      sync_us: f('uint', 'spent in syncfs(2), microseconds'),
    },
  },
  LivesnapRequest: {
    doc: 'argv[1] of the livesnap program, as JSON: copies the upper of a running container.',
    fields: {
      version: f('uint', ''),
      upper: f('string', 'absolute path of the upper directory, POOL/uXXXXX/up'),
      out: f('string', 'absolute path of the directory to make; its parent exists'),
      base_manifest: f('string?', 'manifest of the previous running snapshot of the same upper: a delta on that one is made if possible'),
      manifest: f('string', 'absolute path of the manifest to write'),
      socket: f('string?', "the monitor's command socket; absent: nothing to freeze"),
      cgroup: f('string?', 'absolute path of a cgroup that holds all processes of the container: whether they write around the page cache'),
      lease_ms: f('uint', 'the longest that the container may be frozen'),
      memory_budget: f('uint', 'bytes that hot files may take in memory while it is frozen'),
      threads: f('uint', 'for the scan under freeze'),
      passes: f('uint', 'at most so many copy passes while it runs'),
    },
  },
  LivesnapReport: {
    doc: 'One line of JSON on stdout (or the descriptor of --report-fd); exit status 0 or 1.',
    fields: {
      ok: f('bool', ''),
      stage: f('string?', 'what it was doing'),
      syscall: f('string?', ''),
      errno: f('uint?', ''),
      detail: f('string?', ''),
      delta: f('bool', 'the layer lies on that of base_manifest; else it is the whole upper'),
      full_reason: f('string?', 'why it is no delta'),
      frozen_us: f('uint', 'from the request to freeze to the thaw, microseconds; 0: not frozen'),
      passes: f('uint', 'copy passes while it ran'),
      files: f('uint', 'regular files copied'),
      bytes: f('uint', 'of them'),
      removed: f('uint', 'names gone since the base'),
      hot_files: f('uint', 'copied while frozen'),
      largest_hot_bytes: f('uint', 'the largest of these'),
      sync_us: f('uint', 'spent in syncfs(2), microseconds'),
    },
  },
  ComposeRequest: {
    doc: 'argv[1] of the compose program, as JSON: merges a run of layers into one.',
    fields: {
      version: f('uint', ''),
      pool: f('string', 'absolute path of the pool'),
      layers: f('string[]', 'names in the pool, top first, neighbours in the stack'),
      keep_whiteouts: f('bool', 'there are layers below'),
      out: f('string', 'name in the pool of the directory to make'),
      reflink: f('bool', 'try FICLONE before copying'),
    },
  },
  ComposeReport: {
    doc: 'One line of JSON on stdout (or the descriptor of --report-fd); exit status 0 or 1.',
    fields: {
      ok: f('bool', ''),
      syscall: f('string?', ''),
      errno: f('uint?', ''),
      detail: f('string?', ''),
      files: f('uint', 'regular files in the new layer'),
      bytes: f('uint', 'of them'),
      reflinked: f('uint', 'files that share their data with a layer'),
    },
  },
}
