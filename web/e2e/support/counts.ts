import { stripVTControlCharacters } from 'node:util'
import type { FullConfig, Reporter, Suite, TestCase, TestResult } from '@playwright/test/reporter'

/** A line per test, and at the end the line from which counts are read. */
export default class Counts implements Reporter {
  private passed = 0
  private readonly failed: string[] = []
  private skipped = 0

  onBegin(_config: FullConfig, suite: Suite): void {
    console.log(`e2e: ${suite.allTests().length} tests`)
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    const title = test.titlePath().filter(Boolean).join(' › ')
    const seconds = (result.duration / 1000).toFixed(1)
    const notes = test.annotations.map((note) => note.description ?? note.type).join('; ')
    if (result.status === 'skipped') {
      this.skipped += 1
      console.log(`skip ${title} ${notes}`)
    } else if (result.status === test.expectedStatus) {
      this.passed += 1
      console.log(`ok   ${title} (${seconds} s) ${notes}`)
    } else {
      this.failed.push(title)
      console.log(`FAIL ${title} (${seconds} s) ${notes}`)
      for (const error of result.errors) console.log(indent(error.message ?? error.value ?? ''))
      for (const { name, path } of result.attachments) if (path) console.log(`    ${name}: ${path}`)
    }
  }

  onError(error: { message?: string; stack?: string }): void {
    this.failed.push('outside of a test')
    console.log(indent(error.stack ?? error.message ?? ''))
  }

  onEnd(): void {
    for (const title of this.failed) console.log(`failed: ${title}`)
    if (this.skipped > 0) console.log(`e2e: ${this.skipped} skipped`)
    console.log(`e2e: ${this.passed} passed, ${this.failed.length} failed`)
  }

  printsToStdio(): boolean {
    return true
  }
}

function indent(text: string): string {
  return stripVTControlCharacters(text).replace(/^/gm, '    ')
}
