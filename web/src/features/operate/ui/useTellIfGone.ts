import { ApiError } from '@/shared/api/error'
import { useEffect, useRef } from 'react'
import { useFailureText, type Action } from './failure'
import { useOutcome } from './outcome'

/** For a failure that is told where it was asked for: whoever has gone to another page meanwhile hears of it there. */
export function useTellIfGone(action: Action): (error: unknown) => void {
  const isGone = useRef(false)
  const failureText = useFailureText()
  const say = useOutcome((state) => state.say)
  useEffect(() => {
    isGone.current = false
    return () => void (isGone.current = true)
  }, [])
  return (error) => {
    if (isGone.current && error instanceof ApiError) say('bad', failureText(action, error))
  }
}
