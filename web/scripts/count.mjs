// Prints `web: N passed, N failed` from vitest's report. A file that could not be run has no case of its own, and counts as one.
import { readFileSync } from 'node:fs'

const [path, code] = process.argv.slice(2)
let report = {}
try {
    report = JSON.parse(readFileSync(path, 'utf8'))
} catch {
    // vitest ended before it wrote one
}
const passed = report.numPassedTests ?? 0
const hasFailed = code !== '0' || passed === 0
console.log(`web: ${passed} passed, ${Math.max(report.numFailedTests ?? 0, hasFailed ? 1 : 0)} failed`)
process.exit(hasFailed ? 1 : 0)
