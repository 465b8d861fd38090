/** Archives by hand, good and bad ones: every field as the test wants it, with a right checksum. */

export interface EntryFields {
  name: string
  type?: string
  linkname?: string
  content?: string | Buffer
  /** Instead of the content's. */
  size?: number
  mode?: number
  major?: number
  minor?: number
}

/** Header and padded content. */
export function entry({ name, type = '0', linkname = '', content = '', size, mode = 0o644, major = 0, minor = 0 }: EntryFields): Buffer {
  const body = Buffer.from(content)
  const header = Buffer.alloc(512)
  header.write(name.slice(0, 100), 0, 'latin1')
  const octal = (value: number, at: number, width: number): void => void header.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1')
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size ?? body.length, 124, 12)
  octal(0, 136, 12)
  header.write('        ', 148, 'latin1')
  header.write(type, 156, 'latin1')
  header.write(linkname.slice(0, 100), 157, 'latin1')
  header.write('ustar\u000000', 257, 'latin1')
  octal(major, 329, 8)
  octal(minor, 337, 8)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)])
}

/** An extended header for the entry that follows. */
export function pax(records: Record<string, string | Buffer>): Buffer {
  const lines = Object.entries(records).map(([keyword, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${keyword}=`, 'latin1'), Buffer.from(value), Buffer.from('\n')])
    let length = rest.length + 1
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length
    return Buffer.concat([Buffer.from(String(length)), rest])
  })
  return entry({ name: './PaxHeaders/x', type: 'x', content: Buffer.concat(lines) })
}

/** With its end. */
export function layer(...pieces: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...pieces, Buffer.alloc(1024)])
}

export function raw(...pieces: readonly Uint8Array[]): Buffer {
  return Buffer.concat(pieces)
}
