/** "Did you mean": the nearest word of a list. Pure. */

/** The candidate at the smallest edit distance, if it is near enough to be a slip of the hand. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(from: string, to: string): number {
  const rows = [...Array(from.length + 1).keys()].map((row) => [row, ...Array<number>(to.length).fill(0)])
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity
  for (let column = 0; column <= to.length; column++) setCell(rows, 0, column, column)
  for (let row = 1; row <= from.length; row++) {
    for (let column = 1; column <= to.length; column++) {
      const cost = from[row - 1] === to[column - 1] ? 0 : 1
      const swap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1] ? at(row - 2, column - 2) + 1 : Infinity
      setCell(rows, row, column, Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + cost, swap))
    }
  }
  return at(from.length, to.length)
}

function setCell(rows: number[][], row: number, column: number, value: number): void {
  const line = rows[row]
  if (line) line[column] = value
}
