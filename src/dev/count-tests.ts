/** Sums the results of one `npm test` and prints the closing line; exit 1 on any failure, on a missing result, or on a skip that must work. */
import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

interface VitestResult {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numFailedTestSuites: number
  success: boolean
  testResults: { name: string; status: string; message: string; assertionResults: { fullName: string; status: string }[] }[]
}

const dir = process.argv[2] ?? '.'
const isRoot = process.getuid?.() === 0
const total = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []

countTap(join(dir, 'native.tap'))
countVitest(join(dir, 'unit.json'))
if (isRoot) for (const lane of ['rest', 'templates']) countVitest(join(dir, `e2e-${lane}.json`))
else total.skipped++

if (process.env.TLXC_MUST_WORK === '1' && total.skipped > 0) {
  process.stdout.write(`TLXC_MUST_WORK=1: ${total.skipped} skipped tests count as failed\n`)
  total.failed += total.skipped
  total.skipped = 0
}
// Named once more at the end: whoever keeps only the last lines of a run must see what failed.
for (const failure of failures) process.stdout.write(`failed: ${failure}\n`)
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

function countTap(file: string): void {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  if (lines.length === 0) total.failed++
  for (const line of lines) {
    if (/^ok\b.*# SKIP/i.test(line)) total.skipped++
    else if (/^ok\b/.test(line)) total.passed++
    else if (/^not ok\b/.test(line)) {
      total.failed++
      failures.push(`native ${line}`)
    }
  }
}

function countVitest(file: string): void {
  if (!existsSync(file)) {
    total.failed++
    process.stdout.write(`no result file ${file}: the run broke off\n`)
    return
  }
  const result = JSON.parse(readFileSync(file, 'utf8')) as VitestResult
  total.passed += result.numPassedTests
  total.skipped += result.numPendingTests
  // A file that fails to load has no failed test of its own, yet must count.
  const broken = result.testResults.filter((r) => r.status === 'failed').length
  total.failed += result.numFailedTests > 0 ? result.numFailedTests : broken
  if (!result.success && total.failed === 0) total.failed++
  for (const { name, status, message, assertionResults } of result.testResults) {
    const failed = assertionResults.filter((test) => test.status === 'failed')
    for (const test of failed) failures.push(`${relative('.', name)}: ${test.fullName}`)
    if (status === 'failed' && failed.length === 0) failures.push(`${relative('.', name)}: ${message.split('\n')[0] ?? ''}`)
  }
}
