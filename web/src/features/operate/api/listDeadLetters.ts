import { request } from '@/shared/api/client'
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query'
import { every } from '../poll'
import { keys } from './keys'
import type { DeadLettersPage } from './types'

const POLL_MS = 5000

export const deadLettersQuery = infiniteQueryOptions({
  queryKey: keys.deadLetters,
  queryFn: ({ pageParam, signal }) =>
    request<DeadLettersPage>({ url: '/admin/dead-letters', params: { cursor: pageParam }, signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next_cursor ?? undefined,
  refetchInterval: every(POLL_MS),
  retry: false,
  meta: { private: true },
})

export function useDeadLetters() {
  return useInfiniteQuery(deadLettersQuery)
}
