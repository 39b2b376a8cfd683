import { hashKey, queryOptions, useQuery, type QueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { request } from './client'
import { ApiError } from './error'
import { firstLoadMs, useFirstLoadError } from './firstLoad'
import { forgetPrivate } from './forget'
import { sessionHint } from './sessionHint'
import type { User } from './types'

interface Session {
  user: User
  expires_at_ms: number
}

const KEY = ['session']
const FRESH_MS = 60_000

/** False: somebody else signed in since, in another tab or before this start. */
function isOfHint(session: Session | null | undefined): boolean {
  const userId = sessionHint.userId()
  return !session || userId === null || session.user.user_id === userId
}

/** An answer names another shopper than the copies are of: they go before anything of it is shown. */
function welcome(client: QueryClient, { user }: Session): void {
  const before = client.getQueryData<Session | null>(KEY)
  if (!isOfHint({ user, expires_at_ms: 0 }) || (before && before.user.user_id !== user.user_id))
    forgetPrivate(client, hashKey(KEY))
  if (sessionHint.isSet() && sessionHint.userId() !== user.user_id) sessionHint.set(user.user_id)
}

/** Who is signed in; null = nobody. */
export const sessionQuery = queryOptions({
  queryKey: KEY,
  queryFn: async ({ signal, client }): Promise<Session | null> => {
    try {
      const session = await request<Session>({ url: '/sessions/current', signal })
      welcome(client, session)
      return session
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        sessionHint.clear()
        return null
      }
      throw error
    }
  },
  staleTime: ({ state }) => (isOfHint(state.data) ? FRESH_MS : 0),
  refetchInterval: ({ state }) => firstLoadMs(state),
  meta: { offline: true, private: true },
})

export interface SessionState {
  user: User | null
  /** True until it is known whether somebody is signed in. */
  isPending: boolean
  /** The shop could not be asked and nothing is known from before: neither signed in nor not. */
  error: ApiError | null
  retry: () => void
}

export function useSession(): SessionState {
  const who = useSyncExternalStore(
    (listener) => sessionHint.subscribe(listener),
    () => (sessionHint.isSet() ? (sessionHint.userId() ?? '') : null),
  )
  const isHinted = who !== null
  const session = useQuery({ ...sessionQuery, enabled: isHinted })
  const failure = useFirstLoadError(session)
  const data = isOfHint(session.data) ? session.data : undefined
  return {
    user: isHinted ? (data?.user ?? null) : null,
    isPending: isHinted && data === undefined && !failure && session.fetchStatus !== 'paused',
    error: isHinted && data === undefined ? (failure ?? session.failureReason) : null,
    retry: () => void session.refetch(),
  }
}
