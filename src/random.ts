/** Unpredictable names. From the Web Crypto global, which both runtimes have: node:crypto costs a cold start 4 ms. */

/** That many random bytes, as two hex digits each. */
export function randomHex(bytes: number): string {
  return Buffer.from(randomBytes(bytes)).toString('hex')
}

export function randomBytes(count: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(count))
}
