/** lxc.idmap: `u|g FIRST-ID-INSIDE FIRST-ID-OUTSIDE HOW-MANY`. */
import type { IdMap } from '../../protocol/generated.ts'
import { ValueError, type Codec } from './codec.ts'
import { words } from './text.ts'

const LARGEST = 2 ** 32 - 1

export const idmap: Codec<IdMap> = {
  expects: 'four fields: u or g, first id inside, first id on the host, how many',
  parse: (raw) => {
    const fields = words(raw)
    const [kind, ...numbers] = fields
    if (fields.length !== 4 || (kind !== 'u' && kind !== 'g')) {
      throw new ValueError(`"${raw}" is not ${idmap.expects}`, kind === 'b' ? 'write one line with u and one with g' : undefined)
    }
    const [ns = -1, host = -1, range = -1] = numbers.map((field) => (/^[0-9]{1,10}$/.test(field) ? Number(field) : -1))
    if (ns < 0 || host < 0 || range < 1 || ns + range - 1 >= LARGEST || host + range - 1 >= LARGEST) {
      throw new ValueError(`"${raw}" is not a range of ids (0 to ${LARGEST - 1}, at least one)`)
    }
    return { kind: kind === 'u' ? 'uid' : 'gid', ns, host, range }
  },
  format: ({ kind, ns, host, range }) => `${kind === 'uid' ? 'u' : 'g'} ${ns} ${host} ${range}`,
}
