/** x in a MAC address of the file becomes a random digit for good, once, as LXC does when it loads a configuration. */
import type { ConfigDocument } from './document.ts'

/** `randomByte` gives 0…255. True when something was replaced and the document should be saved. */
export function fillMacWildcards(document: ConfigDocument, randomByte: () => number): boolean {
  const wild = document.pairs().filter(({ key, value }) => /^lxc\.(net|network)(\.[0-9]+)?\.hwaddr$/.test(key) && /x/i.test(value))
  for (const { index, value } of wild) document.setAt(index, fillMac(value, randomByte))
  return wild.length > 0
}

/** One address. A random one must not be multicast (IEEE 802: lowest bit of the first byte). */
export function fillMac(address: string, randomByte: () => number): string {
  const digits = address.replace(/x/gi, () => (randomByte() & 0xf).toString(16))
  if (!/^.x/i.test(address)) return digits
  const second = Number.parseInt(digits.charAt(1), 16) & 0xe
  return digits.charAt(0) + second.toString(16) + digits.slice(2)
}
