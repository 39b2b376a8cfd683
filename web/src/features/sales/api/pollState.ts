import type { ApiError } from '@/shared/api/error'
import type { PollState } from '../model'

/** What the last answers say about when to ask again. */
export function pollState(
  query: { state: { dataUpdateCount: number; errorUpdateCount: number; error: ApiError | null } },
  answer: { maxAgeMs: number } | undefined,
): PollState {
  const { dataUpdateCount, errorUpdateCount, error } = query.state
  return {
    maxAgeMs: answer?.maxAgeMs ?? 0,
    retryAfterMs: error?.retryAfterMs ?? 0,
    hasFailed: error !== null,
    turn: dataUpdateCount + errorUpdateCount,
  }
}
