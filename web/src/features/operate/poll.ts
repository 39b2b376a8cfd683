import type { ApiError } from '@/shared/api/error'
import { nextPollMs } from '@/shared/lib/pacing'

/** What of a query the pace depends on. */
export interface Asked {
  dataUpdateCount: number
  dataUpdatedAt: number
  errorUpdateCount: number
  errorUpdatedAt: number
  status: string
  error: ApiError | null
}

interface Failures {
  answers: number
  errorsBefore: number
}

const seen = new WeakMap<object, Failures>()

/** Failures since the last good answer. TanStack Query counts only all failures, so the count at the last answer is remembered. */
export function failuresInARow(query: object, state: Asked): number {
  const known = seen.get(query)
  if (known?.answers === state.dataUpdateCount) return state.errorUpdateCount - known.errorsBefore
  const errorsBefore = state.errorUpdateCount - (state.status === 'error' ? 1 : 0)
  seen.set(query, { answers: state.dataUpdateCount, errorsBefore })
  return state.errorUpdateCount - errorsBefore
}

/**
 * A `refetchInterval` at the page's own wish, never faster than the server says, slower after failures, with jitter. The jitter is the same until the
 * next answer: another number at every rendering would start the timer anew each time.
 */
export function every(floorMs: number): (query: { state: Asked }) => number {
  return (query) => {
    const { state } = query
    const failures = failuresInARow(query, state)
    const dice = (((state.dataUpdatedAt + state.errorUpdatedAt) * 7919) % 1000) / 1000
    return nextPollMs({ floorMs, failures, retryAfterMs: state.error?.retryAfterMs ?? 0 }, dice)
  }
}
