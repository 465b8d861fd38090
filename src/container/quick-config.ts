/**
 * The few keys that lists of containers need, without parsing whole configurations: a scan of the lines, includes read once for all
 * containers. Says nothing about mistakes in the file: a list must show a container whose configuration is broken, too.
 */
import { errnoOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { compareBytes } from './store.ts'

export interface QuickConfig {
  /** lxc.start.auto */
  autostart: boolean
  /** lxc.start.order */
  order: number
  /** lxc.start.delay, seconds */
  delay: number
  groups: string[]
  /** It has an lxc.idmap. */
  unprivileged: boolean
}

type Setting = readonly [key: string, value: string]

const WANTED = /^[ \t]*lxc\.(start\.auto|start\.order|start\.delay|group|idmap|id_map|include)[ \t]*=[ \t]*(.*?)[ \t\r]*$/gm
/** As deep as LXC follows includes of includes. */
const MAX_DEPTH = 20

export class QuickConfigs {
  readonly #host: Host
  readonly #settings = new Map<string, readonly Setting[]>()

  readonly #includes: boolean

  /** includes false: for files of strangers, who could name any file or FIFO of the host. */
  constructor(host: Host, { includes = true } = {}) {
    this.#host = host
    this.#includes = includes
  }

  read(file: string): QuickConfig {
    const config: QuickConfig = { autostart: false, order: 0, delay: 0, groups: [], unprivileged: false }
    // The container's own file is read once anyway; only includes are worth keeping.
    for (const setting of this.#scan(file, 0)) apply(config, setting)
    return config
  }

  #included(path: string, depth: number): readonly Setting[] {
    const known = this.#settings.get(path)
    if (known) return known
    // Against a file that includes itself.
    this.#settings.set(path, [])
    const files = this.#directory(path) ?? [path]
    const settings = files.flatMap((file) => this.#scan(file, depth))
    this.#settings.set(path, settings)
    return settings
  }

  #scan(file: string, depth: number): Setting[] {
    const settings: Setting[] = []
    for (const [, key = '', value = ''] of this.#text(file).matchAll(WANTED)) {
      if (key !== 'include') settings.push([key, unquoted(value)])
      else if (this.#includes && depth < MAX_DEPTH) settings.push(...this.#included(unquoted(value), depth + 1))
    }
    return settings
  }

  #text(file: string): string {
    try {
      return this.#host.fs.readFileSync(file, 'utf8')
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return ''
    }
  }

  #directory(path: string): string[] | null {
    try {
      const names = this.#host.fs.readdirSync(path).filter((name) => name.endsWith('.conf'))
      return names.sort(compareBytes).map((name) => `${path}/${name}`)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return null
    }
  }
}

function apply(config: QuickConfig, [key, value]: Setting): void {
  switch (key) {
    case 'start.auto':
      config.autostart = Number(value) > 0
      break
    case 'start.order':
      config.order = Number(value) || 0
      break
    case 'start.delay':
      config.delay = Number(value) || 0
      break
    case 'group':
      if (value === '') config.groups = []
      else config.groups.push(...value.split(/[ \t]+/))
      break
    default:
      config.unprivileged = value !== ''
  }
}

/** LXC takes one pair of quotes around a value away. */
function unquoted(value: string): string {
  return /^(["']).*\1$/.test(value) && value.length > 1 ? value.slice(1, -1) : value
}
