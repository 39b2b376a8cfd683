import type { Purchase } from '@/shared/api/types'
import { nextPollMs } from '@/shared/lib/pacing'
import { atServerTime } from '@/shared/lib/serverClockStore'
import { useEffect, useState } from 'react'
import { isPayable } from './standing'

const EXPIRY_MS = 1500 // the shop acts on it within a second
const AGAIN_MS = 2000

/**
 * True once the time to pay is over while the order is not known to be closed. From then on it is asked for, with back-off, until it is.
 * @param ask ends with ms until it may be asked again; null = no use
 */
export function useLate(purchase: Purchase, ask: () => Promise<number | null>): boolean {
  const lateMs = isPayable(purchase) ? purchase.pay_before_ms + EXPIRY_MS : null
  const [reachedMs, setReachedMs] = useState<number | null>(null)
  useEffect(() => {
    if (lateMs === null) return
    let timer = 0
    let isEnded = false
    let failures = 0
    const again = async (): Promise<void> => {
      const retryAfterMs = document.hidden ? 0 : await ask()
      if (isEnded || retryAfterMs === null) return
      failures += 1
      timer = window.setTimeout(
        () => void again(),
        nextPollMs({ floorMs: AGAIN_MS, retryAfterMs, failures }, Math.random()),
      )
    }
    const cancel = atServerTime(lateMs, () => {
      setReachedMs(lateMs)
      void again()
    })
    return () => {
      isEnded = true
      cancel()
      window.clearTimeout(timer)
    }
  }, [lateMs, ask])
  return lateMs !== null && reachedMs === lateMs
}
