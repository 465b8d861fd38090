/** The machine itself behind the Host interface. Modules that a hot command does not need are loaded on first use. */
import * as fs from 'node:fs'
import type { HostFacts } from '../launch/host-facts.ts'
import { writeFileAtomic } from './atomic.ts'
import { connectUnix } from './connect.ts'
import type { Environment } from './program.ts'
import { readFacts } from './facts.ts'
import type { Host } from './host.ts'
import { makePaths } from './paths.ts'

export interface HostOptions {
  /** Where tlxc is installed: has libexec/tlxc, share/tlxc, lib/tlxc. */
  prefix: string
  /** Taken for / in every path of tlxc's own (tests). */
  root?: string
  env: Environment
  cwd: string
}

export function makeHost(options: HostOptions): Host {
  const defaults = { env: options.env, cwd: options.cwd }
  let facts: HostFacts | null = null
  return {
    paths: makePaths(options.prefix, options.root ?? ''),
    fs,
    uid: process.geteuid?.() ?? 0,
    pid: process.pid,
    exec: async (file, args, execOptions = {}) => (await import('./exec.ts')).execProgram(file, args, execOptions, defaults),
    start: async (file, args, streamOptions) => (await import('./stream.ts')).startProgram(file, args, streamOptions, defaults),
    runNative: async (file, args, nativeOptions = {}) => (await import('./native.ts')).runNative(file, args, nativeOptions, defaults),
    become: async (file, args, env) => (await import('./become.ts')).become(file, args, env, defaults),
    kill: (pid, signal) => void process.kill(pid, signal),
    connect: connectUnix,
    lock: async (path, lockOptions) => (await import('./lock.ts')).lockPath(path, lockOptions),
    writeFileAtomic,
    facts: () => (facts ??= readFacts(options.root)),
    now: () => Date.now(),
  }
}
