/** `atServerTime` is never early, whatever happens to the estimate on the way, and not at all before there is one. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { atServerTime, nowMs, readClock, useServerClock } from './serverClockStore'

const OFFSET = 1_700_000_000_000

function know(offsetMs: number): void {
  useServerClock.setState({ estimate: { offsetMs, errorMs: 6, atMs: performance.now(), samples: 5 } })
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  useServerClock.setState({ estimate: null })
})
afterEach(() => {
  vi.useRealTimers()
  useServerClock.setState({ estimate: null })
})

describe('a moment of the server', () => {
  it('is reached to the millisecond, not before', () => {
    know(OFFSET)
    const reached = vi.fn()
    atServerTime(nowMs() + 12_345, reached)
    vi.advanceTimersByTime(12_344)
    expect(reached).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(reached).toHaveBeenCalledTimes(1)
  })

  it('follows an estimate that is corrected on the way, in both directions', () => {
    for (const correctionMs of [-700, 700]) {
      know(OFFSET)
      const reached = vi.fn()
      const moment = nowMs() + 5000
      atServerTime(moment, reached)
      vi.advanceTimersByTime(2500)
      know(OFFSET + correctionMs)
      while (nowMs() < moment - 1) {
        vi.advanceTimersByTime(1)
        expect(reached).not.toHaveBeenCalled()
      }
      vi.advanceTimersByTime(1)
      expect(reached).toHaveBeenCalledTimes(1)
    }
  })

  it('is not reached by the device’s clock, however far ahead it is', () => {
    const reached = vi.fn()
    atServerTime(Date.now() - 3_600_000, reached)
    vi.advanceTimersByTime(10_000)
    expect(reached).not.toHaveBeenCalled()
    know(Date.now() - performance.now())
    vi.advanceTimersByTime(1000)
    expect(reached).toHaveBeenCalledTimes(1)
  })

  it('is not reached after it was cancelled', () => {
    know(OFFSET)
    const reached = vi.fn()
    atServerTime(nowMs() + 1500, reached)()
    vi.advanceTimersByTime(5000)
    expect(reached).not.toHaveBeenCalled()
  })
})

describe('a reading', () => {
  it('tells how far the device’s clock is off, and nothing before the first sample', () => {
    expect(readClock()).toBeNull()
    know(Date.now() - 3_600_000 - performance.now())
    expect(readClock()?.deviceAheadMs).toBeCloseTo(3_600_000, 0)
  })
})
