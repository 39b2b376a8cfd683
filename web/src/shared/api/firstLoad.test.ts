/** A page that could not load asks again by itself: ever more calmly, never sooner than the server says, and not for what stays refused. */
import { describe, expect, it } from 'vitest'
import { ApiError } from './error'
import { firstLoadMs } from './firstLoad'

const network = new ApiError('network', 0, null, null)
const wait = (error: ApiError | null, errorUpdateCount = 1, data?: string) =>
  firstLoadMs({ data, error, errorUpdateCount })

describe('the first load', () => {
  it('is tried again, ever more calmly', () => {
    expect(wait(network)).toBeGreaterThanOrEqual(2000)
    expect(wait(network, 4)).toBeGreaterThanOrEqual(16_000)
    expect(wait(network, 99)).toBeLessThanOrEqual(72_000)
  })
  it('obeys Retry-After', () => {
    expect(wait(new ApiError('malformed', 503, null, 30_000))).toBeGreaterThanOrEqual(30_000)
  })
  it('is not tried again when it is there, under way, or refused for good', () => {
    expect(wait(network, 1, 'data')).toBe(false)
    expect(wait(null)).toBe(false)
    expect(wait(new ApiError('malformed', 404, null, null))).toBe(false)
  })
})
