/**
 * The configuration that an image brings along (config, config-user, fstab of its metadata) → what goes into the container's. Pure.
 * An image decides what is inside; what this machine's root runs, mounts or allows for it is not the image's to say. LXC takes such
 * lines over; here only what cannot reach out is taken, the rest becomes a comment.
 */
import { ConfigDocument } from '../../config/document.ts'
import { isHarmlessMount } from '../../config/harmless-mount.ts'

export interface ImageConfigInput {
  readonly text: string
  readonly name: string
  /** LXCPATH/NAME */
  readonly path: string
  readonly rootfs: string
  /** Directory of the includes that are installed. */
  readonly includes: string
  readonly hooks: string
  /** Whether an absolute path is a file. */
  readonly exists: (path: string) => boolean
}

export interface ImageConfig {
  /** Lines for the container's configuration. */
  readonly lines: readonly string[]
  /** Keys, or "fstab SOURCE", that were not taken over. */
  readonly dropped: readonly string[]
}

const HARMLESS = /^lxc\.(?:arch|autodev|tty\.max|tty\.dir|pty\.max|signal\.(?:halt|reboot|stop)|init\.(?:cmd|cwd|uid|gid)|execute\.cmd)$/
/** What may be named of our includes: a distribution's and its common part, never nesting.conf, nor what the administrator has there. */
const INCLUDE = /(?:^|\.)(?:common|userns)\.conf$/

/** The placeholders of LXC's image format, longest first where one begins another. */
export function fillPlaceholders(text: string, { name, path, rootfs, includes, hooks }: Omit<ImageConfigInput, 'text' | 'exists'>): string {
  const values: Readonly<Record<string, string>> = { LXC_TEMPLATE_CONFIG: includes, LXC_HOOK_DIR: hooks, LXC_ROOTFS: rootfs, LXC_NAME: name, LXC_PATH: path }
  return text.replace(/LXC_(?:TEMPLATE_CONFIG|HOOK_DIR|ROOTFS|NAME|PATH)/g, (word) => values[word] ?? word)
}

export function imageConfig(input: ImageConfigInput): ImageConfig {
  const lines: string[] = []
  const dropped: string[] = []
  for (const { key, value } of ConfigDocument.parse(fillPlaceholders(input.text, input)).pairs()) {
    const taken = take(input, key, value)
    if (taken === null) dropped.push(key)
    else lines.push(...formatted(key, taken))
  }
  return { lines: confined(input, lines), dropped }
}

/** Device rules, system calls and capabilities that are denied come from this include; an image that names none is not without them. */
function confined({ includes }: ImageConfigInput, lines: readonly string[]): string[] {
  const named = lines.some((line) => line.startsWith('lxc.include = ') && line.endsWith('common.conf'))
  return named ? [...lines] : [...formatted('lxc.include', `${includes}/common.conf`), ...lines]
}

/** Lines of fstab(5) → the same as lxc.mount.entry, as far as they mount nothing of this machine. */
export function imageFstab(text: string): ImageConfig {
  const entries = text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
  return {
    lines: entries.filter(isTaken).flatMap((entry) => formatted('lxc.mount.entry', entry)),
    dropped: entries.filter((entry) => !isTaken(entry)).map((entry) => `fstab ${entry.split(/\s+/)[0] ?? ''}`),
  }
}

/** The value to take over; '' for a key that clears; null: not taken. */
function take(input: ImageConfigInput, key: string, value: string): string | null {
  if (HARMLESS.test(key)) return value
  switch (key) {
    case 'lxc.include':
      return takeInclude(input, value)
    case 'lxc.environment':
      // A name alone would copy a variable of this machine's root into the container.
      return value.includes('=') ? value : null
    case 'lxc.cap.drop':
      // Without a value it would take back what ours drops.
      return value === '' ? null : value
    case 'lxc.mount.auto':
      return value.split(/\s+/).every((word) => /^(?:proc(?::mixed)?|(?:sys|cgroup)(?::(?:mixed|ro))?)$/.test(word)) ? value : null
    case 'lxc.mount.entry':
      return isTaken(value) ? value : null
    case 'lxc.seccomp.profile':
      return value === `${input.includes}/common.seccomp` ? value : null
    case 'lxc.hook.clone':
      return isBelow(value, input.hooks) && input.exists(value) ? value : null
    default:
      return null
  }
}

/** Images name a file for each distribution; where there is none of that name, the common one does. */
function takeInclude({ includes, exists }: ImageConfigInput, value: string): string | null {
  if (!isBelow(value, includes)) return null
  if (exists(value)) return INCLUDE.test(value.slice(includes.length + 1)) ? value : null
  return `${includes}/${value.endsWith('userns.conf') ? 'userns.conf' : 'common.conf'}`
}

/** An image may become a privileged container. */
function isTaken(entry: string): boolean {
  return isHarmlessMount(entry, { ownIds: false })
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(`${directory}/`) && /^[A-Za-z0-9._-]+$/.test(path.slice(directory.length + 1)) && !path.endsWith('/..')
}

function formatted(key: string, value: string): string[] {
  const document = ConfigDocument.parse('')
  document.append(key, value)
  return document.toString().split('\n').filter((line) => line !== '')
}
