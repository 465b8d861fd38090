/** Names in the order in which people count: snap2 before snap10. Pure. */

/** A total order: runs of digits by value, what is between them by code units, equal values by their spelling. */
export function naturalOrder(a: string, b: string): number {
  const left = a.split(/(\d+)/)
  const right = b.split(/(\d+)/)
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const order = at % 2 === 0 ? plain(left[at] ?? '', right[at] ?? '') : digits(left[at] ?? '', right[at] ?? '')
    if (order !== 0) return order
  }
  return left.length - right.length || plain(a, b)
}

/** Of any length: no number type is wide enough for what a name may have. */
function digits(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
  return left.length - right.length || plain(left, right)
}

function plain(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
