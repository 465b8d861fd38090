/** Runs lines of shell with the templates' library around them, as a template has it, on a root file system below /var/tmp. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { repoRoot } from './e2e.ts'

export interface Said {
  code: number | null
  stdout: string
  stderr: string
}

export interface LibraryBench {
  /** Everything of this bench is below; rootfs, path and cache are in it. */
  directory: string
  rootfs: string
  /** Runs lines after the library and `check_common`. */
  sh(lines: string, env?: Readonly<Record<string, string>>): Promise<Said>
  /** As sh, and throws when the status is not 0. */
  ok(lines: string, env?: Readonly<Record<string, string>>): Promise<string>
  put(path: string, text: string, mode?: number): void
  text(path: string): string
  remove(): void
}

export function libraryBench(): LibraryBench {
  const directory = mkdtempSync('/var/tmp/tlxc-lib-')
  const rootfs = join(directory, 'c/rootfs')
  mkdirSync(rootfs, { recursive: true })
  const script = join(directory, 'template')
  const sh: LibraryBench['sh'] = (lines, env = {}) => {
    writeFileSync(script, `#!/bin/sh\nset -eu\numask 022\n. "$TLXC_TEMPLATE_LIB/lib.sh"\nname=c1 path=${directory}/c config=$path/config rootfs=${rootfs}\nfiles_of "$rootfs"\n${lines}\n`)
    return new Promise((resolve, reject) => {
      const child = spawn('sh', [script], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          TLXC_TEMPLATE_LIB: join(repoRoot, 'templates'),
          TLXC_CONFIG_DIR: join(repoRoot, 'build/prefix/share/tlxc/config'),
          TLXC_CACHE_DIR: join(directory, 'cache'),
          TMPDIR: directory,
          ...env,
        },
      })
      let [stdout, stderr] = ['', '']
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      child.on('error', reject)
      child.on('close', (code) => resolve({ code, stdout, stderr }))
    })
  }
  return {
    directory,
    rootfs,
    sh,
    async ok(lines, env) {
      const said = await sh(lines, env)
      if (said.code !== 0) throw new Error(`status ${said.code}: ${said.stderr}${said.stdout}`)
      return said.stdout
    },
    put(path, text, mode = 0o644) {
      mkdirSync(dirname(join(rootfs, path)), { recursive: true })
      writeFileSync(join(rootfs, path), text, { mode })
    },
    text: (path) => readFileSync(join(rootfs, path), 'utf8'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
