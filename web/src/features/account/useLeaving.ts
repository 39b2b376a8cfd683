import { forgetShopper } from '@/shared/api/persist'
import { sessionHint } from '@/shared/api/sessionHint'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { logInKey } from './api/logIn'
import { keepFinishingLogOut } from './api/logOut'

const UNKNOWN = ''

/**
 * For the shell: when the session ends or becomes somebody else's, here, in another tab or at the server, this tab forgets its copies too; otherwise it would write
 * them back to the disk. And a log-out without a network is told to the server when there is one.
 */
export function useLeaving(): void {
  const client = useQueryClient()
  useEffect(() => {
    const who = (): string | null => (sessionHint.isSet() ? (sessionHint.userId() ?? UNKNOWN) : null)
    let before = who()
    return sessionHint.subscribe(() => {
      const now = who()
      const isOther = before !== null && before !== now && !(before === UNKNOWN && now !== null)
      before = now
      if (isOther) void forgetShopper(client)
    })
  }, [client])
  useEffect(() => keepFinishingLogOut(() => client.isMutating({ mutationKey: logInKey }) > 0), [client])
}
