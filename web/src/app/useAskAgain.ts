import type { ApiError } from '@/shared/api/error'
import { nextPollMs } from '@/shared/lib/pacing'
import { useEffect, useRef } from 'react'

const FLOOR_MS = 3000

/** Asks again, with back-off, as long as there is a problem. A hidden page asks when it is shown, by its query. */
export function useAskAgain(problem: ApiError | null, ask: () => void): void {
  const failures = useRef(0)
  const latest = useRef(ask)
  useEffect(() => {
    latest.current = ask
  })
  useEffect(() => {
    if (!problem) return
    const pace = { floorMs: FLOOR_MS, retryAfterMs: problem.retryAfterMs ?? 0, failures: failures.current }
    const timer = setTimeout(
      () => {
        failures.current += 1
        if (!document.hidden) latest.current()
      },
      nextPollMs(pace, Math.random()),
    )
    return () => clearTimeout(timer)
  }, [problem])
}
