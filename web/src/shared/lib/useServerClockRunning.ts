import { useEffect } from 'react'
import { runServerClock } from './serverClockStore'

let users = 0
let end: (() => void) | null = null

/** While a component that shows server time is on the page, the clock is kept; several share one. */
export function useServerClockRunning(): void {
  useEffect(() => {
    users += 1
    end ??= runServerClock()
    return () => {
      users -= 1
      if (users > 0) return
      end?.()
      end = null
    }
  }, [])
}
