import type { ApiError } from '@/shared/api/error'
import { useEffect, useState } from 'react'

/** Whole seconds until the server wants to be asked again; 0 = now. A new error starts the count anew. */
export function useWait(error: ApiError | null): number {
  const [left, setLeft] = useState(0)
  useEffect(() => {
    const endMs = performance.now() + (error?.retryAfterMs ?? 0)
    const look = (): void => setLeft(Math.max(0, Math.ceil((endMs - performance.now()) / 1000)))
    look()
    const timer = window.setInterval(look, 250)
    return () => window.clearInterval(timer)
  }, [error])
  return left
}
