/** Kernel options by the sections and words of lxc-checkconfig, which scripts read. Data only. */
export interface ConfigRow {
  section: 'Namespaces' | 'Control groups' | 'Misc' | 'Checkpoint/Restore'
  text: string
  /** Without CONFIG_. */
  option: string
  /** Without it no container starts. */
  required?: true
  /** As /proc/modules names it. */
  module?: string
}

export const CONFIG_TABLE: readonly ConfigRow[] = [
  { section: 'Namespaces', text: 'Namespaces', option: 'NAMESPACES', required: true },
  { section: 'Namespaces', text: 'Utsname namespace', option: 'UTS_NS' },
  { section: 'Namespaces', text: 'Ipc namespace', option: 'IPC_NS', required: true },
  { section: 'Namespaces', text: 'Pid namespace', option: 'PID_NS', required: true },
  { section: 'Namespaces', text: 'User namespace', option: 'USER_NS' },
  { section: 'Namespaces', text: 'Network namespace', option: 'NET_NS' },
  { section: 'Control groups', text: 'Cgroups', option: 'CGROUPS' },
  { section: 'Control groups', text: 'Cgroup device', option: 'CGROUP_DEVICE' },
  { section: 'Control groups', text: 'Cgroup sched', option: 'CGROUP_SCHED' },
  { section: 'Control groups', text: 'Cgroup cpu account', option: 'CGROUP_CPUACCT' },
  { section: 'Control groups', text: 'Cgroup memory controller', option: 'MEMCG' },
  { section: 'Control groups', text: 'Cgroup cpuset', option: 'CPUSETS' },
  { section: 'Misc', text: 'Veth pair device', option: 'VETH', module: 'veth' },
  { section: 'Misc', text: 'Macvlan', option: 'MACVLAN', module: 'macvlan' },
  { section: 'Misc', text: 'Vlan', option: 'VLAN_8021Q', module: '8021q' },
  { section: 'Misc', text: 'Bridges', option: 'BRIDGE', module: 'bridge' },
  { section: 'Misc', text: 'Advanced netfilter', option: 'NETFILTER_ADVANCED', module: 'nf_tables' },
  { section: 'Misc', text: 'CONFIG_IP_NF_TARGET_MASQUERADE', option: 'IP_NF_TARGET_MASQUERADE', module: 'nf_nat_masquerade_ipv4' },
  { section: 'Misc', text: 'CONFIG_IP6_NF_TARGET_MASQUERADE', option: 'IP6_NF_TARGET_MASQUERADE', module: 'nf_nat_masquerade_ipv6' },
  { section: 'Misc', text: 'CONFIG_NETFILTER_XT_TARGET_CHECKSUM', option: 'NETFILTER_XT_TARGET_CHECKSUM', module: 'xt_CHECKSUM' },
  { section: 'Misc', text: 'CONFIG_NETFILTER_XT_MATCH_COMMENT', option: 'NETFILTER_XT_MATCH_COMMENT', module: 'xt_comment' },
  { section: 'Misc', text: 'FUSE (for use with lxcfs)', option: 'FUSE_FS', module: 'fuse' },
  { section: 'Checkpoint/Restore', text: 'checkpoint restore', option: 'CHECKPOINT_RESTORE' },
  { section: 'Checkpoint/Restore', text: 'CONFIG_FHANDLE', option: 'FHANDLE' },
  { section: 'Checkpoint/Restore', text: 'CONFIG_EVENTFD', option: 'EVENTFD' },
  { section: 'Checkpoint/Restore', text: 'CONFIG_EPOLL', option: 'EPOLL' },
  { section: 'Checkpoint/Restore', text: 'CONFIG_UNIX_DIAG', option: 'UNIX_DIAG' },
  { section: 'Checkpoint/Restore', text: 'CONFIG_INET_DIAG', option: 'INET_DIAG' },
  { section: 'Checkpoint/Restore', text: 'CONFIG_PACKET_DIAG', option: 'PACKET_DIAG' },
  { section: 'Checkpoint/Restore', text: 'CONFIG_NETLINK_DIAG', option: 'NETLINK_DIAG' },
]
