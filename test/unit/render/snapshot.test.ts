import { describe, expect, it } from 'vitest'
import type { SnapshotView } from '../../../src/container/snapshot-view.ts'
import { changesAsJson, renderChanges } from '../../../src/render/changes.ts'
import { renderJson } from '../../../src/render/json.ts'
import { asideAsJson, asidePruneAsJson, pruneAsJson, renderPrune, renderSnapshots, renderSnapshotTree, snapshotAsJson } from '../../../src/render/snapshot.ts'
import { formatTimestamp } from '../../../src/config/timestamp.ts'
import { planPrune } from '../../../src/storage/retention.ts'
import { problemsOf } from '../../helpers/json-schema.ts'

const document = (task: string, result: object): string => renderJson('snapshot', { task, results: [{ container: 'c1', ...result }] })

// Local time, as LXC's text is: whatever zone the tests run in.
const created = new Date(2024, 4, 7, 3, 5, 1).getTime()
const view = (name: string, more: Partial<SnapshotView> = {}): SnapshotView => ({
  name, created, directory: '/var/lib/lxc/c1/snaps', comment: null, live: false, parent: null, lowers: ['abc123'], exclusiveBytes: 0, frozenMs: null, ...more,
})

describe('the list', () => {
  it('is the text of lxc-snapshot -L, sorted by number', () => {
    expect(renderSnapshots([view('snap10'), view('snap2'), view('before')], false)).toBe(
      'before (/var/lib/lxc/c1/snaps) 2024:05:07 03:05:01\nsnap2 (/var/lib/lxc/c1/snaps) 2024:05:07 03:05:01\nsnap10 (/var/lib/lxc/c1/snaps) 2024:05:07 03:05:01\n',
    )
  })

  it('has the comment file as it is after the line with -C', () => {
    const snapshots = [view('snap0', { comment: 'one\ntwo\n' }), view('snap1', { comment: 'no newline' }), view('snap2')]
    expect(renderSnapshots(snapshots, true)).toBe(
      'snap0 (/var/lib/lxc/c1/snaps) 2024:05:07 03:05:01\none\ntwo\nsnap1 (/var/lib/lxc/c1/snaps) 2024:05:07 03:05:01\nno newline' +
        'snap2 (/var/lib/lxc/c1/snaps) 2024:05:07 03:05:01\n',
    )
    expect(renderSnapshots(snapshots, false)).not.toContain('one')
  })

  it('says when there is none', () => expect(renderSnapshots([], true)).toBe('No snapshots\n'))
})

describe('the tree', () => {
  it('shows what came from what', () => {
    const snapshots = [
      view('snap10', { parent: 'snap1', exclusiveBytes: 2048, live: true, frozenMs: 43.4 }),
      view('snap0', { comment: '\nfirst line\nsecond\n', exclusiveBytes: 5 * 1024 ** 2 }),
      view('snap1', { parent: 'snap0', comment: 'evil \u001b]0;title\u0007' }),
      view('snap2', { parent: 'snap0', live: true, exclusiveBytes: null }),
      view('other', { parent: 'gone', live: true, frozenMs: 0.25 }),
    ]
    expect(renderSnapshotTree(snapshots, { parent: 'snap10', exclusiveBytes: 100 })).toBe(
      [
        'NAME        CREATED             EXCLUSIVE TAKEN        COMMENT        ',
        'other       2024:05:07 03:05:01   0 bytes live, 0.3 ms -              ',
        'snap0       2024:05:07 03:05:01  5.00 MiB stopped      first line     ',
        '|-snap1     2024:05:07 03:05:01   0 bytes stopped      evil  ]0;title ',
        '| `-snap10  2024:05:07 03:05:01  2.00 KiB live, 43 ms  -              ',
        '|   `-(now) -                   100 bytes -            -              ',
        '`-snap2     2024:05:07 03:05:01 -         live         -              ',
        '',
      ].join('\n'),
    )
  })

  it('shows what --undo would take back', () => {
    const aside = { restored: 'snap0', at: created, parent: 'snap1', exclusiveBytes: 2048 }
    expect(renderSnapshotTree([view('snap0'), view('snap1')], { parent: 'snap0', exclusiveBytes: 0 }, aside)).toBe(
      [
        'NAME     CREATED             EXCLUSIVE TAKEN   COMMENT           ',
        'snap0    2024:05:07 03:05:01   0 bytes stopped -                 ',
        '`-(now)  -                     0 bytes -       -                 ',
        'snap1    2024:05:07 03:05:01   0 bytes stopped -                 ',
        '`-(undo) 2024:05:07 03:05:01  2.00 KiB -       replaced by snap0 ',
        '',
      ].join('\n'),
    )
    expect(problemsOf(document('tree', { snapshots: [], aside: asideAsJson(aside) }))).toEqual([])
    expect(problemsOf(document('tree', { snapshots: [], aside: asideAsJson(null) }))).toEqual([])
  })

  it('shows each once, even when a damaged file makes a ring', () => {
    const text = renderSnapshotTree([view('a', { parent: 'b' }), view('b', { parent: 'a' }), view('c', { parent: 'c' })])
    expect(text.split('\n').slice(1, -1).map((line) => line.split(' ')[0])).toEqual(['a', '`-b', 'c'])
    expect(renderSnapshotTree([])).toBe('No snapshots\n')
  })
})

describe('a prune', () => {
  const decisions = planPrune([view('snap0', { created: created - 1000 }), view('snap1')], { daily: 1 })

  it('says what goes and why the rest stays', () => {
    expect(renderPrune(decisions, 'remove')).toBe(
      [
        'NAME  CREATED             ACTION BECAUSE          ',
        'snap1 2024:05:07 03:05:01 keep   daily 2024-05-07 ',
        'snap0 2024:05:07 03:05:00 remove no rule keeps it ',
        '',
      ].join('\n'),
    )
    expect(renderPrune([], 'remove')).toBe('No snapshots\n')
  })

  it('says what becomes of what a restore put aside', () => {
    const aside = { restored: 'snap1', at: created, kept: false, keep: 36 * 3600_000 }
    expect(renderPrune([], 'remove', aside)).toBe(
      ['NAME   CREATED             ACTION BECAUSE          ', '(undo) 2024:05:07 03:05:01 remove older than 1d12h ', ''].join('\n'),
    )
    expect(renderPrune([], 'removed', { ...aside, kept: true })).toContain('keep   younger than 1d12h')
    expect(problemsOf(document('prune', { dry_run: true, decisions: [], aside: asidePruneAsJson(aside) }))).toEqual([])
  })

  it('fits the schema as JSON', () => {
    const text = document('prune', { dry_run: true, decisions: decisions.map(pruneAsJson) })
    expect(problemsOf(text)).toEqual([])
    expect(text).toContain('"reasons":[{"rule":"daily","period":"2024-05-07"}]')
  })
})

describe('differences', () => {
  const changes = [
    { kind: 'M', path: '/etc/b' },
    { kind: 'A', path: Buffer.from([0x2f, 0xff, 0x61]) },
    { kind: 'D', path: '/etc/a b' },
    { kind: 'A', path: '/etc/new\nline\\' },
    { kind: 'A', path: '/ü' },
  ] as const

  it('are sorted by bytes, a line each', () => {
    const text = Buffer.from(renderChanges(changes))
    const expected = ['D /etc/a b\nM /etc/b\nA /etc/new\\012line\\134\nA /ü\nA /', Buffer.of(0xff), 'a\n'].map((piece) => Buffer.from(piece as string))
    expect(text.toString('hex')).toBe(Buffer.concat(expected).toString('hex'))
  })

  it('fit the schema as JSON, bytes and all', () => {
    expect(problemsOf(document('diff', { changes: changesAsJson(changes) }))).toEqual([])
    expect(changesAsJson(changes).at(-1)).toEqual({ change: 'A', path: '/\ufffda', path_base64: 'L/9h' })
    expect(changesAsJson(changes)[0]).toEqual({ change: 'D', path: '/etc/a b', path_base64: null })
  })
})

it('a snapshot fits the schema as JSON', () => {
  const json = snapshotAsJson(view('snap0', { frozenMs: 41.5, live: true, comment: 'x' }))
  expect(problemsOf(document('list', { snapshots: [json] }))).toEqual([])
})

it('pads the parts of a time', () => expect(formatTimestamp(new Date(2026, 11, 3, 0, 0, 9).getTime())).toBe('2026:12:03 00:00:09'))
