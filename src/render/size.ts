/** Amounts for people, in LXC's words. Pure. */

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const

/** As lxc-info: "512 bytes", "1.50 KiB", "2.00 MiB". Powers of 1024. */
export function renderSize(bytes: number): string {
  if (bytes < 1024) return `${String(bytes)} bytes`
  let amount = bytes / 1024
  let unit = 0
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024
    unit++
  }
  return `${amount.toFixed(2)} ${UNITS[unit] ?? 'KiB'}`
}

/** As the RAM and SWAP columns of lxc-ls: "12.34MB" of 1024². */
export function renderMegabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(2)}MB`
}

/** As "CPU use:" of lxc-info: "0.05 seconds". */
export function renderSeconds(nanoseconds: number): string {
  return `${(nanoseconds / 1e9).toFixed(2)} seconds`
}
