/**
 * render/: from data to the text or JSON that people and scripts read. PURE: no host, no container logic.
 * This file: tables in the shape of `lxc-ls -f`.
 */

export interface Column {
  readonly header: string
  /** right: numbers (RAM, SWAP); a "-" for "no value" stays on the left, as with LXC. */
  readonly align?: 'left' | 'right'
  /** lxc-ls counts a stopped container's RAM and SWAP as "0.00MB" when it measures, though it shows "-": 6. */
  readonly minWidth?: number
}

/**
 * LXC's rule [lxc_ls.c]: every column is as wide as its widest cell or header, and is followed by one space, the last
 * one too. Header always; nothing at all without rows.
 */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const widths = columns.map((column, at) =>
    Math.max(column.header.length, column.minWidth ?? 0, ...rows.map((row) => displayWidth(row[at] ?? ''))),
  )
  const header = columns.map((column, at) => `${pad(column.header, widths[at] ?? 0, 'left')} `).join('')
  const lines = rows.map((row) => columns.map((column, at) => `${pad(row[at] ?? '', widths[at] ?? 0, column.align ?? 'left')} `).join(''))
  return [header, ...lines].map((line) => `${line}\n`).join('')
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return align === 'left' || text === '-' ? text + blanks : blanks + text
}

/** Names and addresses are ASCII; a comment or group name may not be. Counts code points. */
function displayWidth(text: string): number {
  return [...text].length
}
