/** Nothing that the server says about time is undercut; crowds are spread; a die does not change between two answers. */
import { describe, expect, it } from 'vitest'
import { nextPollMs, steadyDice } from './pacing'

const dice = [0, 0.3, 0.999]

describe('the next question', () => {
  it('is never before floor, max-age or Retry-After', () => {
    for (const die of dice)
      for (const floorMs of [1000, 6000])
        for (const maxAgeMs of [0, 1000, 30_000])
          for (const retryAfterMs of [0, 500, 90_000])
            for (const failures of [0, 1, 3, 50])
              expect(nextPollMs({ floorMs, maxAgeMs, retryAfterMs, failures }, die)).toBeGreaterThanOrEqual(
                Math.max(floorMs, maxAgeMs, retryAfterMs),
              )
  })

  it('doubles with every failure, up to a minute', () => {
    const waits = [0, 1, 2, 3, 4, 5, 6, 7].map((failures) => nextPollMs({ floorMs: 1000, failures }, 0))
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  })

  it('is spread over a fifth', () => {
    expect(nextPollMs({ floorMs: 1000, failures: 0 }, 0.5)).toBe(1100)
  })
})

describe('a steady die', () => {
  it('stays for a turn, changes with it and from tab to tab, and lies in [0, 1)', () => {
    const thrown = Array.from({ length: 200 }, (_, turn) => steadyDice(turn, 0.42))
    expect(thrown).toEqual(Array.from({ length: 200 }, (_, turn) => steadyDice(turn, 0.42)))
    expect(new Set(thrown).size).toBe(200)
    expect(thrown.every((die) => die >= 0 && die < 1)).toBe(true)
    expect(steadyDice(3, 0.1)).not.toBe(steadyDice(3, 0.2))
    const mean = thrown.reduce((sum, die) => sum + die, 0) / thrown.length
    expect(mean).toBeGreaterThan(0.4)
    expect(mean).toBeLessThan(0.6)
  })
})
