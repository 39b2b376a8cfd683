import { forgetShopper } from '@/shared/api/persist'
import { sessionHint } from '@/shared/api/sessionHint'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { finishLogOut } from './api/logOut'

/**
 * For the shell: when the session ends, here, in another tab or at the server, this tab forgets its copies too; otherwise it would write
 * them back to the disk. And a log-out without a network is told to the server when there is one.
 */
export function useLeaving(): void {
  const client = useQueryClient()
  useEffect(() => {
    let wasSet = sessionHint.isSet()
    return sessionHint.subscribe(() => {
      const isSet = sessionHint.isSet()
      if (wasSet && !isSet) void forgetShopper(client)
      wasSet = isSet
    })
  }, [client])
  useEffect(() => {
    const finish = (): void => void finishLogOut()
    finish()
    window.addEventListener('online', finish)
    return () => window.removeEventListener('online', finish)
  }, [])
}
