import { ApiError } from '@/shared/api/error'
import { describe, expect, it } from 'vitest'
import { every, failuresInARow, type Asked } from './poll'

const asked = (changes: Partial<Asked> = {}): Asked => ({
  dataUpdateCount: 1,
  dataUpdatedAt: 1000,
  errorUpdateCount: 0,
  errorUpdatedAt: 0,
  status: 'success',
  error: null,
  ...changes,
})
const busy = new ApiError('problem', 503, null, 9000)

describe('how often a page asks', () => {
  it('counts failures since the last good answer, not since ever', () => {
    const query = {}
    expect(failuresInARow(query, asked())).toBe(0)
    expect(failuresInARow(query, asked({ errorUpdateCount: 1, status: 'error' }))).toBe(1)
    expect(failuresInARow(query, asked({ errorUpdateCount: 2, status: 'error' }))).toBe(2)
    expect(failuresInARow(query, asked({ dataUpdateCount: 2, errorUpdateCount: 2 }))).toBe(0)
    expect(failuresInARow(query, asked({ dataUpdateCount: 2, errorUpdateCount: 3, status: 'error' }))).toBe(1)
  })

  it('counts a failure that is the first thing it sees', () => {
    expect(failuresInARow({}, asked({ dataUpdateCount: 0, errorUpdateCount: 1, status: 'error' }))).toBe(1)
  })

  it('at its own wish, with at most a fifth more; the same at every rendering', () => {
    const query = { state: asked({ dataUpdatedAt: 123_456 }) }
    const wait = every(1000)(query)
    expect(wait).toBeGreaterThanOrEqual(1000)
    expect(wait).toBeLessThanOrEqual(1200)
    expect(every(1000)(query)).toBe(wait)
  })

  it('another time after another answer', () => {
    const waits = [1, 2, 3, 4].map((at) => every(1000)({ state: asked({ dataUpdatedAt: at * 1357 }) }))
    expect(new Set(waits).size).toBeGreaterThan(1)
  })

  it('never sooner than the server says, and more slowly after failures', () => {
    const query = { state: asked() }
    every(1000)(query)
    query.state = asked({ errorUpdateCount: 1, status: 'error', error: busy })
    expect(every(1000)(query)).toBeGreaterThanOrEqual(9000)
    query.state = asked({ errorUpdateCount: 3, status: 'error' })
    expect(every(1000)(query)).toBeGreaterThanOrEqual(8000)
  })
})
