import { nowMs } from '@/shared/lib/serverClockStore'
import { useServerClockRunning } from '@/shared/lib/useServerClockRunning'
import { useEffect, useState } from 'react'

/** Server time, anew every quarter of a second while `isRunning` and the tab is seen. */
export function useNow(isRunning: boolean): number {
  useServerClockRunning()
  const [now, setNow] = useState(nowMs)
  useEffect(() => {
    if (!isRunning) return
    const look = (): void => {
      if (!document.hidden) setNow(nowMs())
    }
    look()
    const timer = window.setInterval(look, 250)
    return () => window.clearInterval(timer)
  }, [isRunning])
  return now
}
