import { request } from '@/shared/api/client'
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query'
import { every } from '../poll'
import { keys } from './keys'
import type { SalesPage } from './types'

const POLL_MS = 2000

export const salesQuery = infiniteQueryOptions({
  queryKey: keys.sales,
  queryFn: ({ pageParam, signal }) =>
    request<SalesPage>({ url: '/admin/sales', params: { cursor: pageParam }, signal }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next_cursor ?? undefined,
  refetchInterval: every(POLL_MS),
  retry: false,
  meta: { private: true },
})

export function useSales() {
  return useInfiniteQuery(salesQuery)
}
