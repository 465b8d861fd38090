import { describe, expect, it } from 'vitest'
import { renderColumns } from '../../../src/render/columns.ts'
import { renderTable } from '../../../src/render/table.ts'

describe('renderTable', () => {
  it('pads as lxc-ls -f does: widest cell or header, one space, also at the end', () => {
    const columns = ['NAME', 'STATE', 'AUTOSTART', 'IPV4'].map((header) => ({ header }))
    const rows = [
      ['cli-a', 'STOPPED', '0', '-'],
      ['cli-longer-name', 'RUNNING', '1', '10.0.3.5'],
    ]
    expect(renderTable(columns, rows)).toBe(
      'NAME            STATE   AUTOSTART IPV4     \n' +
        'cli-a           STOPPED 0         -        \n' +
        'cli-longer-name RUNNING 1         10.0.3.5 \n',
    )
  })

  it('sets RAM and SWAP as lxc-ls 5.0.2 does: numbers right, "-" left, never narrower than 0.00MB', () => {
    const columns = [
      { header: 'NAME' },
      { header: 'RAM', align: 'right', minWidth: 6 },
      { header: 'SWAP', align: 'right', minWidth: 6 },
      { header: 'PID' },
    ] as const
    expect(renderTable(columns, [['cli-a', '-', '-', '-']])).toBe('NAME  RAM    SWAP   PID \ncli-a -      -      -   \n')
    const rows = [
      ['a', '154.78MB', '0.00MB', '20514'],
      ['b', '1.14MB', '-', '7'],
    ]
    expect(renderTable(columns, rows)).toBe(
      'NAME RAM      SWAP   PID   \na    154.78MB 0.00MB 20514 \nb      1.14MB -      7     \n',
    )
  })

  it('prints nothing at all without rows', () => {
    expect(renderTable([{ header: 'NAME' }], [])).toBe('')
  })
})

describe('renderColumns', () => {
  const names = ['cli-a', 'cli-b', 'cli-longer-name']

  it.each([
    // Seen with lxc-ls 5.0.2 on terminals of these widths.
    [47, 'cli-a           cli-b           cli-longer-name\n'],
    [46, 'cli-a           cli-b          \ncli-longer-name \n'],
    [31, 'cli-a           cli-b          \ncli-longer-name \n'],
    [30, 'cli-a          \ncli-b          \ncli-longer-name\n'],
    [3, 'cli-a          \ncli-b          \ncli-longer-name\n'],
  ])('fits %d columns', (columns, text) => {
    expect(renderColumns(names, columns)).toBe(text)
  })

  it('prints one padded name a line without a terminal', () => {
    expect(renderColumns(names, null)).toBe('cli-a          \ncli-b          \ncli-longer-name\n')
    expect(renderColumns([], 80)).toBe('')
  })
})
