import { QueryCache, QueryClient } from '@tanstack/react-query'
import { nextPollMs } from '@/shared/lib/pacing'
import { ApiError, isWorthARetry } from './error'
import { sessionHint } from './sessionHint'

const RETRIES = 3
const OFFLINE_DAYS = 7

declare module '@tanstack/react-query' {
  interface Register {
    defaultError: ApiError
    /** `offline`: kept for the next start without a network; `private`: gone at log-out. */
    queryMeta: { offline?: boolean; private?: boolean }
  }
}

export function makeQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        // The cookie is gone or was revoked: who was signed in is not any more.
        if (error instanceof ApiError && error.status === 401) sessionHint.clear()
      },
    }),
    defaultOptions: {
      queries: {
        networkMode: 'offlineFirst',
        gcTime: OFFLINE_DAYS * 86_400_000,
        staleTime: 1000,
        refetchOnWindowFocus: true,
        retry: (failures, error) => failures < RETRIES && isWorthARetry(error),
        retryDelay: (failures, error) =>
          nextPollMs({ floorMs: 500, retryAfterMs: error.retryAfterMs ?? 0, failures }, Math.random()),
      },
      mutations: { networkMode: 'always', retry: false },
    },
  })
  return client
}
