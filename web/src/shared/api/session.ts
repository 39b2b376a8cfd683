import { queryOptions, useQuery } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { request } from './client'
import { ApiError } from './error'
import { sessionHint } from './sessionHint'
import type { User } from './types'

interface Session {
  user: User
  expires_at_ms: number
}

/** Who is signed in; null = nobody. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return await request<Session>({ url: '/sessions/current', signal })
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        sessionHint.clear()
        return null
      }
      throw error
    }
  },
  staleTime: 60_000,
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
  const isHinted = useSyncExternalStore(
    (listener) => sessionHint.subscribe(listener),
    () => sessionHint.isSet(),
  )
  const session = useQuery({ ...sessionQuery, enabled: isHinted })
  return {
    user: isHinted ? (session.data?.user ?? null) : null,
    isPending: isHinted && session.isPending && session.fetchStatus !== 'paused',
    error: isHinted && session.data === undefined ? (session.error ?? session.failureReason) : null,
    retry: () => void session.refetch(),
  }
}
