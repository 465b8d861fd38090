/** Versions that people and scripts see. */

/** The same as in package.json (a test compares). */
export const VERSION = '0.1.0'

/** The level of LXC's command line that tlxc follows; what `lxc-* --version` answers through a compatibility link. */
export const LXC_LEVEL = '6.0.6'

/** Date of this version, for the man pages. */
export const RELEASED = '2026-11-21'
