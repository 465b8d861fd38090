/** Configurations that tests read: our fixtures, and those of an installed LXC when there is one. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConfigReader } from '../../../src/config/types.ts'

export const FIXTURES = join(import.meta.dirname, '../../fixtures/config')
const INSTALLED = '/usr/share/lxc/config'

export function corpus(): { file: string; text: string }[] {
  const directories = [FIXTURES, ...(existsSync(INSTALLED) ? [INSTALLED] : [])]
  return directories.flatMap((directory) =>
    readdirSync(directory, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => ({ file, text: readFileSync(file, 'utf8') })),
  )
}

export const noFiles: ConfigReader = { read: () => null, list: () => null }

/** Files by path, directories by what lies below them. */
export function filesReader(files: Readonly<Record<string, string>>): ConfigReader {
  return {
    read: (path) => files[path] ?? null,
    list: (path) => {
      const prefix = `${path.replace(/\/$/, '')}/`
      const names = Object.keys(files).filter((name) => name.startsWith(prefix) && name.endsWith('.conf'))
      return names.length > 0 ? names.map((name) => name.slice(prefix.length)).sort() : null
    },
  }
}

export const diskReader: ConfigReader = {
  read: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : null),
  list: (path) => (existsSync(path) && path.endsWith('.d') ? readdirSync(path).filter((name) => name.endsWith('.conf')).sort() : null),
}
