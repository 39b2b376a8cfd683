/** The server's clock as a device can know it: the shortest trip counts, the bound holds the truth, and sleep or a set clock is noticed. */
import { describe, expect, it } from 'vitest'
import {
  betterEstimate,
  clockErrorMs,
  doubtEstimate,
  estimateClock,
  hasSlept,
  serverNowMs,
  wallJumpMs,
  type Sample,
} from './serverClock'

const OFFSET = 1_700_000_000_000

/** A trip that took `there` and `back` ms; the server's clock is the monotonic one + OFFSET. */
function trip(sentMs: number, there: number, back: number): Sample {
  return { sentMs, receivedMs: sentMs + there + back, serverMs: sentMs + there + OFFSET }
}

describe('an estimate', () => {
  it('of nothing is nothing', () => {
    expect(estimateClock([])).toBeNull()
  })

  it('takes the shortest of n trips, wherever it stands', () => {
    for (const at of [0, 1, 2, 3, 4]) {
      const samples = [0, 1, 2, 3, 4].map((i) => trip(i * 1000, i === at ? 4 : 90, i === at ? 4 : 10))
      expect(estimateClock(samples)).toMatchObject({ offsetMs: OFFSET, errorMs: 9, samples: 5 })
    }
  })

  it('holds the truth within its bound, however lopsided the trip', () => {
    for (const [there, back] of [
      [0, 300],
      [300, 0],
      [150, 150],
      [1, 2],
    ] as const) {
      const estimate = estimateClock([trip(5000, there, back)])
      expect(estimate).not.toBeNull()
      if (estimate)
        expect(Math.abs(serverNowMs(estimate, 9000) - (9000 + OFFSET))).toBeLessThanOrEqual(estimate.errorMs)
    }
  })

  it('grows less sure with age: 6 ms a minute, and never surer than when it was made', () => {
    const estimate = estimateClock([trip(0, 5, 5)])
    if (!estimate) throw new Error('no estimate')
    expect(clockErrorMs(estimate, estimate.atMs)).toBe(10)
    expect(clockErrorMs(estimate, estimate.atMs + 60_000)).toBeCloseTo(16)
    expect(clockErrorMs(estimate, estimate.atMs - 60_000)).toBe(10)
  })
})

describe('the better of two estimates', () => {
  const old = { offsetMs: OFFSET, errorMs: 8, atMs: 0, samples: 5 }

  it('is the old one while it is surer and both can be true', () => {
    const worse = { offsetMs: OFFSET + 20, errorMs: 40, atMs: 60_000, samples: 5 }
    expect(betterEstimate(old, worse, 60_000)).toEqual({ ...old, samples: 10 })
  })

  it('is the new one once the old has aged beyond it', () => {
    const fresh = { offsetMs: OFFSET + 1, errorMs: 20, atMs: 600_000, samples: 5 }
    expect(betterEstimate(old, fresh, 600_000)).toBe(fresh)
  })

  it('is the new one if they contradict each other, however unsure it is', () => {
    const fresh = { offsetMs: OFFSET + 3_600_000, errorMs: 400, atMs: 1000, samples: 1 }
    expect(betterEstimate(old, fresh, 1000)).toBe(fresh)
  })

  it('is the new one after sleep of any length: the doubt makes room for it', () => {
    const doubted = doubtEstimate(old, 30_000)
    expect(doubted.errorMs).toBe(30_008)
    const fresh = { offsetMs: OFFSET + 29_000, errorMs: 50, atMs: 2000, samples: 1 }
    expect(betterEstimate(doubted, fresh, 2000)).toBe(fresh)
  })

  it('without an old one is the new one', () => {
    expect(betterEstimate(null, old, 0)).toBe(old)
  })
})

describe('the wall clock against the monotonic one', () => {
  const before = { wallMs: 1000, monotonicMs: 1000 }

  it('a second that both lived is none', () => {
    expect(hasSlept(before, { wallMs: 2000, monotonicMs: 2000 })).toBe(false)
    expect(hasSlept(before, { wallMs: 2400, monotonicMs: 2000 })).toBe(false)
  })

  it('sleep, an hour forward, an hour back: all are noticed, with how much', () => {
    expect(hasSlept(before, { wallMs: 62_000, monotonicMs: 2000 })).toBe(true)
    expect(hasSlept(before, { wallMs: 3_602_000, monotonicMs: 2000 })).toBe(true)
    expect(hasSlept(before, { wallMs: -3_598_000, monotonicMs: 2000 })).toBe(true)
    expect(wallJumpMs(before, { wallMs: 62_000, monotonicMs: 2000 })).toBe(60_000)
  })
})
