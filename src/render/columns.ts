/** Names in as many columns as a terminal has room for, row by row, as plain `lxc-ls` prints them. Pure. */

/**
 * columns: the terminal's width, or null when there is none: one padded name a line. LXC's rule: all names as wide as
 * the widest (and as the header of the table), one space between; a last row that is not full keeps its trailing space.
 */
export function renderColumns(names: readonly string[], columns: number | null): string {
  const width = Math.max('NAME'.length, ...names.map((name) => name.length))
  const perRow = columns === null ? 1 : Math.max(1, Math.floor((columns + 1) / (width + 1)))
  let text = ''
  names.forEach((name, at) => {
    const endsRow = (at + 1) % perRow === 0
    text += name.padEnd(width) + (endsRow ? '\n' : ' ')
  })
  return names.length % perRow === 0 ? text : `${text}\n`
}
