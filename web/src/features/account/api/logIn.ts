import { request } from '@/shared/api/client'
import type { ApiError } from '@/shared/api/error'
import { forgetPrivate } from '@/shared/api/forget'
import { sessionQuery } from '@/shared/api/session'
import { sessionHint } from '@/shared/api/sessionHint'
import type { User } from '@/shared/api/types'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { sayFarewell } from '../farewell'
import { forgetLogOutDue } from './logOut'

export const logInKey = ['log-in']

export interface Credentials {
  username: string
  password: string
}

interface SessionAnswer {
  user: User
  expires_at_ms: number
}

/** The token comes as a cookie too, which no script sees; the one in the answer is dropped here. */
export async function logIn(credentials: Credentials): Promise<SessionAnswer> {
  const { user, expires_at_ms } = await request<SessionAnswer>({
    method: 'POST',
    url: '/sessions',
    data: credentials,
  })
  return { user, expires_at_ms }
}

/** What every way of logging in ends with: this session is the one, and nothing of an earlier shopper is left. */
export function useLogIn() {
  const client = useQueryClient()
  return useMutation<SessionAnswer, ApiError, Credentials>({
    mutationKey: logInKey,
    mutationFn: logIn,
    onSuccess: (session) => {
      forgetPrivate(client)
      client.setQueryData(sessionQuery.queryKey, session)
      forgetLogOutDue()
      sayFarewell(null)
      sessionHint.set(session.user.user_id)
    },
  })
}
