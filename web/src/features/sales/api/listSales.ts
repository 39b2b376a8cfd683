import { anonymous, requestPaced, type Answer } from '@/shared/api/client'
import type { Sale, SaleState } from '@/shared/api/types'
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query'
import { firstPollMs, listPollMs } from '../model'
import { pollState } from './pollState'

export interface SalesPage {
  sales: Sale[]
  next_cursor: string | null
  now_ms: number
}

export interface SalesFilter {
  q: string
  state: SaleState | ''
}

export const salesQuery = ({ q, state }: SalesFilter) =>
  infiniteQueryOptions({
    queryKey: ['sales', 'list', { q, state }],
    queryFn: ({ pageParam, signal }): Promise<Answer<SalesPage>> =>
      requestPaced<SalesPage>({
        url: '/sales',
        params: { ...(q && { q }), ...(state && { state }), ...(pageParam && { cursor: pageParam }) },
        signal,
        ...anonymous,
      }),
    initialPageParam: '',
    getNextPageParam: (last) => last.data.next_cursor,
    refetchInterval: (query) =>
      query.state.data
        ? listPollMs(pollState(query, query.state.data.pages[0]), query.state.data.pages.length)
        : firstPollMs(query.state.error, query.state.errorUpdateCount),
    // what somebody searched for once is not worth keeping
    meta: { offline: q === '' && state === '' },
  })

export function useSales(filter: SalesFilter) {
  return useInfiniteQuery(salesQuery(filter))
}
