import type { SaleState } from '@/shared/api/types'
import { useEffect, useRef } from 'react'
import type { Phase } from './model'
import { isOverAtReopening } from './standing'

/** A "not now" of the sale is put away when the sale opens again: beside an armed button it would be no news. */
export function useReopening(state: SaleState, phase: Phase, dismiss: () => void): void {
  const latest = useRef({ phase, dismiss })
  useEffect(() => {
    latest.current = { phase, dismiss }
  })
  const wasLive = useRef(state === 'live')
  useEffect(() => {
    const isReopened = state === 'live' && !wasLive.current
    wasLive.current = state === 'live'
    if (isReopened && isOverAtReopening(latest.current.phase)) latest.current.dismiss()
  }, [state])
}
