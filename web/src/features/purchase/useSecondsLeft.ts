import { useEffect, useState } from 'react'

const LOOK_MS = 250

/** Whole seconds until a moment of the device's clock, which is what attempts are timed by; 0 when it has come. */
export function useSecondsLeft(untilMs: number): number {
  const left = (): number => Math.max(0, Math.ceil((untilMs - Date.now()) / 1000))
  const [, setSeconds] = useState(left)
  useEffect(() => {
    const timer = setInterval(
      () => setSeconds(Math.max(0, Math.ceil((untilMs - Date.now()) / 1000))),
      LOOK_MS,
    )
    return () => clearInterval(timer)
  }, [untilMs])
  return left()
}
