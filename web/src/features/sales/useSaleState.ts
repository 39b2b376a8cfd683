import type { Sale, SaleState } from '@/shared/api/types'
import { atServerTime, nowMs, useServerClock } from '@/shared/lib/serverClockStore'
import { useEffect, useReducer } from 'react'
import { nextChangeMs, stateAt } from './model'

/** Server time for a render; null before the first sample, so that a wrong device clock opens nothing. */
export function useServerNow(): number | null {
  return useServerClock((clock) => clock.estimate !== null) ? nowMs() : null
}

/** The sale's state, which changes at its times to the millisecond, by the server's clock. */
export function useSaleState(sale: Sale): SaleState {
  const [, look] = useReducer((count: number) => count + 1, 0)
  const now = useServerNow()
  const changeMs = nextChangeMs(sale, now)
  useEffect(() => (changeMs === null ? undefined : atServerTime(changeMs, look)), [changeMs])
  return stateAt(sale, now)
}

/** Renders again whenever one of the sales changes by itself. */
export function useNextChange(sales: readonly Sale[]): number | null {
  const [, look] = useReducer((count: number) => count + 1, 0)
  const now = useServerNow()
  const changes = sales.map((sale) => nextChangeMs(sale, now)).filter((ms) => ms !== null)
  const changeMs = changes.length > 0 ? Math.min(...changes) : null
  useEffect(() => (changeMs === null ? undefined : atServerTime(changeMs, look)), [changeMs])
  return now
}
