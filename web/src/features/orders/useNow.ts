import { nowMs, useServerClock } from '@/shared/lib/serverClockStore'
import { useServerClockRunning } from '@/shared/lib/useServerClockRunning'
import { useEffect, useState } from 'react'

/** null until the server's clock is known: the device's own may be hours off. */
function read(): number | null {
  return useServerClock.getState().estimate ? nowMs() : null
}

/** Server time, anew every quarter of a second while `isRunning` and the tab is seen. */
export function useNow(isRunning: boolean): number | null {
  useServerClockRunning()
  const [now, setNow] = useState(read)
  useEffect(() => {
    if (!isRunning) return
    const look = (): void => {
      if (!document.hidden) setNow(read())
    }
    look()
    const timer = window.setInterval(look, 250)
    return () => window.clearInterval(timer)
  }, [isRunning])
  return now
}
