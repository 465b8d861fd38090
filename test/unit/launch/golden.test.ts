/** Whole plans as files, read by the native tests too. UPDATE_GOLDEN=1 writes them anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { planLaunch } from '../../../src/launch/plan.ts'
import type { LaunchInput, LaunchOptions } from '../../../src/launch/input.ts'
import { configOf, factsOf, inputOf } from '../../helpers/launch.ts'

type Changes = Partial<Omit<LaunchInput, 'options'>> & { options?: Partial<LaunchOptions> }

const fixture = (name: string): string => readFileSync(new URL(`../../fixtures/plans/${name}`, import.meta.url), 'utf8')
const golden = (name: string): URL => new URL(`../../golden/plans/${name}.json`, import.meta.url)

const seccomp = { text: fixture('common.seccomp'), file: '/usr/share/tlxc/config/common.seccomp' }

const OVERLAY = { pool: '/var/lib/tlxc/.pool', lowers: ['c7k2px', 'a91mzq'], upper: 'u4f0ab', volatile: false, memory: false, view: '/var/lib/tlxc/c1/rootfs' }

/** Golden file → configuration, and what differs from the usual input. */
const CASES: Readonly<Record<string, readonly [string, Changes]>> = {
  'busybox': ['busybox.conf', {}],
  'busybox-foreground': ['busybox.conf', { options: { foreground: true, stdio: 'inherit', pidfile: '/run/c1.pid', command: ['/bin/sh', '-l'] } }],
  'debian-hybrid': ['debian.conf', { seccomp }],
  'debian-v2': ['debian.conf', { seccomp, facts: factsOf('v2', { apparmor: true }) }],
  'debian-v1': ['debian.conf', { seccomp, facts: factsOf('v1', { cgroupNamespaces: false, kernel: [4, 19] }) }],
  'unprivileged-v2': ['unprivileged.conf', { facts: factsOf('v2'), rootfs: { path: '/var/lib/tlxc/c1/rootfs', idmap: true } }],
  'unprivileged-overlay': ['unprivileged.conf', { rootfs: { path: '/var/lib/tlxc/c1/rootfs', idmap: false, overlay: OVERLAY } }],
  'privileged-overlay': ['busybox.conf', { rootfs: { path: '/var/lib/tlxc/c1/rootfs', idmap: false, overlay: { ...OVERLAY, volatile: true } } }],
  'unprivileged-share-net': ['unprivileged.conf', { options: { share: [{ kind: 'net', target: '/proc/4711/ns/net' }] } }],
  'networks': ['networks.conf', {}],
  'execute': ['execute.conf', { options: { execute: true, foreground: true, stdio: 'inherit', command: ['id', '-u'], uid: 7 } }],
  'hooks': ['hooks.conf', { fstab: { text: fixture('fstab'), file: '/var/lib/tlxc/c1/fstab' } }],
  'cgroups-hybrid': ['cgroups.conf', {}],
  'cgroups-v2': ['cgroups.conf', { facts: factsOf('v2') }],
}

describe('golden plans', () => {
  it.each(Object.entries(CASES))('%s', (name, [file, changes]) => {
    const text = fixture(file)
    const { plan, warnings } = planLaunch(inputOf(text, { config: configOf(text), ...changes }))
    const rendered = `${JSON.stringify(plan, null, 2)}\n`
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden(name), rendered)
    expect(rendered).toBe(readFileSync(golden(name), 'utf8'))
    expect(warnings).toMatchSnapshot()
  })
})
