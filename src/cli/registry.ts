/**
 * Every program, with its summary and how to load it. Nothing else may import a command: one static import would
 * put all that the command needs on the start-up path of every other one.
 */
import type { Command } from './command.ts'

export interface Program {
  readonly name: string
  readonly group: Group
  readonly summary: string
  /** It works through much data itself, or may: worth the runtime's compiler (native/cmd/quick.c), which the others end too soon for. */
  readonly bulk?: boolean
  readonly load: () => Promise<{ default: Command }>
}

export type Group = 'Life of a container' | 'Inside a container' | 'Looking' | 'Configuration and host'

export const PROGRAMS: readonly Program[] = [
  {
    name: 'create',
    group: 'Life of a container',
    summary: 'create a container from a template',
    bulk: true,
    load: () => import('../commands/create.ts'),
  },
  {
    name: 'start',
    group: 'Life of a container',
    summary: 'start a container',
    load: () => import('../commands/start.ts'),
  },
  {
    name: 'stop',
    group: 'Life of a container',
    summary: 'stop or reboot a container',
    load: () => import('../commands/stop.ts'),
  },
  {
    name: 'destroy',
    group: 'Life of a container',
    summary: 'destroy a container and its files',
    load: () => import('../commands/destroy.ts'),
  },
  {
    name: 'snapshot',
    group: 'Life of a container',
    summary: 'take, list, restore and destroy snapshots of a container',
    load: () => import('../commands/snapshot.ts'),
  },
  {
    name: 'copy',
    group: 'Life of a container',
    summary: 'copy, clone or rename a container',
    load: () => import('../commands/copy.ts'),
  },
  {
    name: 'clone',
    group: 'Life of a container',
    summary: 'copy or clone a container, with the options of lxc-clone',
    load: () => import('../commands/clone.ts'),
  },
  {
    name: 'export',
    group: 'Life of a container',
    summary: 'write a container or a snapshot into one file',
    bulk: true,
    load: () => import('../commands/export.ts'),
  },
  {
    name: 'import',
    group: 'Life of a container',
    summary: 'make a container of what tlxc-export wrote',
    bulk: true,
    load: () => import('../commands/import.ts'),
  },
  {
    name: 'freeze',
    group: 'Life of a container',
    summary: 'freeze every process of a container',
    load: () => import('../commands/freeze.ts'),
  },
  {
    name: 'unfreeze',
    group: 'Life of a container',
    summary: 'thaw a frozen container',
    load: () => import('../commands/unfreeze.ts'),
  },
  {
    name: 'autostart',
    group: 'Life of a container',
    summary: 'start, stop or list the containers marked for autostart',
    load: () => import('../commands/autostart.ts'),
  },
  {
    name: 'attach',
    group: 'Inside a container',
    summary: 'run a command inside a running container',
    load: () => import('../commands/attach.ts'),
  },
  {
    name: 'console',
    group: 'Inside a container',
    summary: 'open a console of a running container',
    load: () => import('../commands/console.ts'),
  },
  {
    name: 'execute',
    group: 'Inside a container',
    summary: 'run one program in a container of its own',
    load: () => import('../commands/execute.ts'),
  },
  {
    name: 'ls',
    group: 'Looking',
    summary: 'list containers',
    load: () => import('../commands/ls.ts'),
  },
  {
    name: 'info',
    group: 'Looking',
    summary: 'show what a container is and uses',
    load: () => import('../commands/info.ts'),
  },
  {
    name: 'monitor',
    group: 'Looking',
    summary: 'watch the states of containers',
    load: () => import('../commands/monitor.ts'),
  },
  {
    name: 'wait',
    group: 'Looking',
    summary: 'wait for a container to reach a state',
    load: () => import('../commands/wait.ts'),
  },
  {
    name: 'cgroup',
    group: 'Configuration and host',
    summary: 'read or set a cgroup value of a running container',
    load: () => import('../commands/cgroup.ts'),
  },
  {
    name: 'checkconfig',
    group: 'Configuration and host',
    summary: 'check what this kernel and host can do for containers',
    load: () => import('../commands/checkconfig.ts'),
  },
  {
    name: 'config',
    group: 'Configuration and host',
    summary: 'show the system configuration of tlxc',
    load: () => import('../commands/config.ts'),
  },
  {
    name: 'template',
    group: 'Configuration and host',
    summary: 'list templates, and manage what they keep',
    bulk: true,
    load: () => import('../commands/template.ts'),
  },
  {
    name: 'net',
    group: 'Configuration and host',
    summary: 'show, start or stop the bridge that containers share',
    load: () => import('../commands/net.ts'),
  },
]

/** What only tlxc's own templates call: in no list, help or manual. */
export const INTERNAL_PROGRAMS: readonly Program[] = [
  {
    name: '__render',
    group: 'Configuration and host',
    summary: 'render a file for a template',
    load: () => import('../commands/render.ts'),
  },
  {
    name: '__image-helper',
    group: 'Configuration and host',
    summary: 'read what image servers and images say, for templates',
    load: () => import('../commands/image-helper.ts'),
  },
]
