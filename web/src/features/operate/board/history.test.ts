import { describe, expect, it } from 'vitest'
import type { SaleStats } from '@/shared/api/types'
import {
  barsOf,
  GAP_MS,
  KEEP_MS,
  pointsOf,
  pushSample,
  sampleOf,
  SAMPLES_MAX,
  tableOf,
  type Sample,
} from './history'

const look = (atMs: number, attempts: number, changes: Partial<Sample> = {}): Sample => ({
  atMs,
  attempts,
  accepted: attempts / 10,
  refused: 0,
  p50Ms: 2,
  p99Ms: 9,
  queueDepth: 1,
  stockLeft: 100,
  ...changes,
})

describe('the ring of looks at a sale', () => {
  it('sums the refusals of all reasons', () => {
    const stats: SaleStats = {
      attempts: 10,
      accepted: 3,
      refused: { sold_out: 5, rate_limited: 2 },
      stock_left: 7,
      orders: { pending_payment: 3, paid: 0, cancelled: 0, expired: 0, rejected: 0, refunded: 0 },
      p50_ms: 0,
      p99_ms: 8,
      queue_depth: 4,
    }
    const { refused, p50Ms, stockLeft } = sampleOf(stats, 5)
    expect({ refused, p50Ms, stockLeft }).toEqual({ refused: 7, p50Ms: null, stockLeft: 7 })
    expect(sampleOf({ ...stats, refused: {} }, 5).refused).toBe(0)
  })

  it('keeps five minutes, to the millisecond, and never more than its size', () => {
    let samples: readonly Sample[] = [look(0, 0), look(1, 0)]
    samples = pushSample(samples, look(KEEP_MS, 1))
    expect(samples.map(({ atMs }) => atMs)).toEqual([0, 1, KEEP_MS])
    samples = pushSample(samples, look(KEEP_MS + 1, 1))
    expect(samples.map(({ atMs }) => atMs)).toEqual([1, KEEP_MS, KEEP_MS + 1])
    for (let i = 0; i < 2 * SAMPLES_MAX; i++) samples = pushSample(samples, look(KEEP_MS + 2 + i, 1))
    expect(samples).toHaveLength(SAMPLES_MAX)
    expect(samples.at(-1)?.atMs).toBe(KEEP_MS + 1 + 2 * SAMPLES_MAX)
  })

  it('takes no look twice, and none out of order', () => {
    const samples = [look(1000, 1)]
    expect(pushSample(samples, look(1000, 2))).toBe(samples)
    expect(pushSample(samples, look(999, 2))).toBe(samples)
  })
})

describe('rates', () => {
  const rates = (samples: Sample[]) => pointsOf(samples).map((point) => point.attempts)

  it('one look knows none', () => {
    expect(pointsOf([])).toEqual([])
    expect(rates([look(0, 5)])).toEqual([null])
  })

  it('look back two seconds, so that beating with the server makes no saw', () => {
    // The server counts once a second; the page asks a little faster.
    const samples = [look(0, 0), look(900, 0), look(1800, 100), look(2700, 200), look(3600, 300)]
    expect(rates(samples).map((rate) => rate && Math.round(rate))).toEqual([null, 0, 56, 74, 111])
  })

  it('are per second whatever the distance', () => {
    expect(rates([look(0, 0), look(500, 100)])[1]).toBe(200)
    expect(rates([look(0, 0), look(4000, 100)])[1]).toBe(25)
  })

  it('do not reach over a hole, which shows as a gap', () => {
    const points = pointsOf([look(0, 0), look(1000, 50), look(1000 + GAP_MS + 1, 900), look(8000, 900)])
    expect(points.map((point) => point.attempts)).toEqual([null, 50, null, null, 0])
    expect(points[2]).toMatchObject({ queueDepth: null, p99Ms: null, stockLeft: null })
    expect(points.map(({ atMs }) => atMs)).toEqual([...points.map(({ atMs }) => atMs)].sort((a, b) => a - b))
  })

  it('do not reach over a counter that began anew', () => {
    expect(rates([look(0, 100), look(1000, 200), look(2000, 10), look(3000, 30)])).toEqual([
      null,
      100,
      null,
      20,
    ])
    const odd = pointsOf([look(0, 0, { refused: 9 }), look(1000, 5, { refused: 2 })])[1]
    expect(odd).toMatchObject({ attempts: 5, refused: null })
  })
})

describe('the charts as a table', () => {
  it('has the newest point of every step, newest first, without the gaps', () => {
    const points = pointsOf([look(1000, 0), look(9000, 1), look(11_000, 2), look(12_000, 3), look(31_000, 4)])
    expect(tableOf(points, 10_000, 9).map(({ atMs }) => atMs)).toEqual([31_000, 12_000, 9000])
    expect(tableOf(points, 10_000, 2)).toHaveLength(2)
  })
})

describe('bars', () => {
  it('are sorted, of the largest, without zeros', () => {
    expect(barsOf({ a: 1, c: 4, b: 4, none: 0 })).toEqual([
      { name: 'b', count: 4, share: 1 },
      { name: 'c', count: 4, share: 1 },
      { name: 'a', count: 1, share: 0.25 },
    ])
    expect(barsOf({})).toEqual([])
    expect(barsOf({ none: 0 })).toEqual([])
  })
})
