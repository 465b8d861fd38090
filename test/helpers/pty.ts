/** Programs on a pseudo terminal: native/test/ptyrun.c, compiled on first use. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { repoRoot } from './e2e.ts'

const helper = join(repoRoot, 'build/ptyrun')

export interface PtyResult {
  code: number | null
  /** What came through the terminal and through stdout, as bytes. */
  stdout: Buffer
  stderr: Buffer
}

export class PtyProcess {
  readonly #child: ChildProcess
  #out = Buffer.alloc(0)
  #err = Buffer.alloc(0)
  readonly ended: Promise<PtyResult>

  /** fds: which of 0, 1, 2 are the terminal ("012"); the others are pipes. */
  constructor(fds: string, file: string, args: readonly string[]) {
    if (!existsSync(helper)) {
      mkdirSync(join(repoRoot, 'build'), { recursive: true })
      execFileSync('cc', ['-std=gnu17', '-O1', '-o', helper, join(repoRoot, 'native/test/ptyrun.c'), '-lutil'])
    }
    this.#child = spawn(helper, [fds, file, ...args], { stdio: 'pipe' })
    this.#child.stdout?.on('data', (data: Buffer) => (this.#out = Buffer.concat([this.#out, data])))
    this.#child.stderr?.on('data', (data: Buffer) => (this.#err = Buffer.concat([this.#err, data])))
    this.ended = new Promise((resolve) => this.#child.once('close', (code) => resolve({ code, stdout: this.#out, stderr: this.#err })))
  }

  get text(): string {
    return this.#out.toString('latin1')
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys, 'latin1')
  }

  end(): void {
    this.#child.stdin?.end()
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
