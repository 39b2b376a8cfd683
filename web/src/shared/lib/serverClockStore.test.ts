/** `atServerTime` is never early, whatever happens to the estimate on the way, and not at all before there is one. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { problem, server } from '@/test/shop'
import { http, HttpResponse } from 'msw'
import {
  atServerTime,
  nextSampleMs,
  nowMs,
  readClock,
  runServerClock,
  useServerClock,
} from './serverClockStore'

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

describe('measuring', () => {
  it('goes on every minute, spread; after failures with back-off, and never before the server allows', () => {
    expect(nextSampleMs(0, 0, 0)).toBe(60_000)
    expect(nextSampleMs(0, 0, 0.5)).toBe(66_000)
    expect([1, 2, 3, 9].map((failures) => nextSampleMs(failures, 0, 0))).toEqual([3000, 6000, 12_000, 60_000])
    expect(nextSampleMs(1, 20_000, 0)).toBe(20_000)
  })

  it('obeys Retry-After also when the page is shown again', async () => {
    vi.useRealTimers()
    server.listen()
    let asks = 0
    server.use(
      http.get('*/api/v1/time', () => {
        asks += 1
        return asks === 1 ? problem(503, 'busy', { retry_after_ms: 400 }) : HttpResponse.json({ now_ms: 1 })
      }),
    )
    const end = runServerClock()
    await vi.waitFor(() => expect(asks).toBe(1))
    await new Promise((done) => setTimeout(done, 100))
    window.dispatchEvent(new Event('online'))
    await new Promise((done) => setTimeout(done, 100))
    expect(asks).toBe(1)
    await new Promise((done) => setTimeout(done, 400))
    window.dispatchEvent(new Event('online'))
    await vi.waitFor(() => expect(asks).toBeGreaterThan(1))
    end()
    server.close()
  })
})
