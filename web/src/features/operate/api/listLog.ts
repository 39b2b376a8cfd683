import { request } from '@/shared/api/client'
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query'
import { every } from '../poll'
import { keys } from './keys'
import type { LogPage } from './types'

const POLL_MS = 5000

export const logQuery = infiniteQueryOptions({
  queryKey: keys.log,
  queryFn: ({ pageParam, signal }) =>
    request<LogPage>({ url: '/admin/log', params: { cursor: pageParam }, signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next_cursor ?? undefined,
  refetchInterval: every(POLL_MS),
  retry: false,
  meta: { private: true },
})

export function useLog() {
  return useInfiniteQuery(logQuery)
}
