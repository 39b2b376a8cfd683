/** What a page needs at all and could not have: it is asked for again by itself, ever more calmly, and the problem stays in its place meanwhile. */
import { nextPollMs, steadyDice } from '@/shared/lib/pacing'
import { useState } from 'react'
import { isWorthARetry, type ApiError } from './error'

const FLOOR_MS = 1000

interface Asked {
  data: unknown
  error: ApiError | null
  errorUpdateCount: number
}

/** For `refetchInterval`, before there are data: ms until it is worth asking again; false = asking again makes no sense. */
export function firstLoadMs({ data, error, errorUpdateCount }: Asked): number | false {
  if (data !== undefined || !error || !isWorthARetry(error)) return false
  const pace = { floorMs: FLOOR_MS, failures: errorUpdateCount, retryAfterMs: error.retryAfterMs ?? 0 }
  return nextPollMs(pace, steadyDice(errorUpdateCount))
}

/** Why there are no data; also while they are asked for again, so that the page does not flicker. */
export function useFirstLoadError(query: {
  data: unknown
  error: ApiError | null
  failureReason: ApiError | null
  fetchStatus: string
}): ApiError | null {
  const [kept, setKept] = useState<ApiError | null>(null)
  const now = query.error ?? (query.fetchStatus === 'paused' ? query.failureReason : null)
  const shown = query.data === undefined ? (now ?? kept) : null
  if (shown !== kept) setKept(shown)
  return shown
}
