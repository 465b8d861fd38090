/** Exit codes, the only table. Source: lxc-*(1) and LXC's tools. */
export const EXIT = {
  ok: 0,
  failure: 1,
  /** lxc-stop: the container exists but is not running. */
  stopNotRunning: 2,
  /** lxc-autostart: some failed (1: all failed). */
  autostartSome: 2,
  /** attach and execute: the command was killed by signal N → 128 + N. */
  signalBase: 128,
} as const
