/** A countdown shows the truth to the millisecond, never 0 too early, and readers hear each mark once. */
import { describe, expect, it } from 'vitest'
import { countdownText, passedMark } from './countdown'

describe('text', () => {
  it.each([
    [0, 'precise', 0, '00:00:00', '.000'],
    [-5, 'precise', 0, '00:00:00', '.000'],
    [1, 'precise', 0, '00:00:00', '.001'],
    [61_007, 'precise', 0, '00:01:01', '.007'],
    [90_061_500, 'precise', 1, '01:01:01', '.500'],
    [1, 'calm', 0, '00:00:01', ''],
    [1000, 'calm', 0, '00:00:01', ''],
    [1001, 'calm', 0, '00:00:02', ''],
    [0, 'calm', 0, '00:00:00', ''],
  ] as const)('%d ms, %s', (ms, mode, days, clock, rest) => {
    expect(countdownText(ms, mode)).toEqual({ days, clock, rest })
  })
})

describe('marks', () => {
  it('a minute’s countdown, frame by frame, speaks at 1 min, 30 s, 10 s and at the opening', () => {
    const spoken: number[] = []
    for (let left = 61_000; left > -1000; left -= 16) {
      const mark = passedMark(left, left - 16)
      if (mark !== null) spoken.push(mark)
    }
    expect(spoken).toEqual([60_000, 30_000, 10_000, 0])
  })

  it('a tab that slept over several hears the last', () => {
    expect(passedMark(61_000, 5000)).toBe(10_000)
    expect(passedMark(61_000, -1)).toBe(0)
  })

  it('a page that is opened late hears nothing of what was before', () => {
    expect(passedMark(Number.NEGATIVE_INFINITY, 5000)).toBeNull()
    expect(passedMark(5000, 5000)).toBeNull()
  })
})
