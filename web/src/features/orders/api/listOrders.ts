import { request } from '@/shared/api/client'
import { firstLoadMs } from '@/shared/api/firstLoad'
import type { Order } from '@/shared/api/types'
import { nextPollMs, steadyDice } from '@/shared/lib/pacing'
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query'
import { isOpen, isRefundDue } from '../model'

export interface OrdersPage {
  orders: Order[]
  next_cursor: string | null
}

const OPEN_MS = 5000

export const ordersQuery = infiniteQueryOptions({
  queryKey: ['orders', 'list'],
  queryFn: ({ pageParam, signal }) =>
    request<OrdersPage>({ url: '/orders', params: pageParam ? { cursor: pageParam } : {}, signal }),
  initialPageParam: '',
  getNextPageParam: (last) => last.next_cursor,
  refetchInterval: ({ state }) => {
    if (!state.data) return firstLoadMs(state)
    const { pages } = state.data
    const orders = pages.flatMap((page) => page.orders)
    if (!orders.some((order) => isOpen(order) || isRefundDue(order))) return false
    const pace = {
      floorMs: OPEN_MS * pages.length, // all of them are asked for
      failures: state.fetchFailureCount,
      retryAfterMs: state.error?.retryAfterMs ?? 0,
    }
    return nextPollMs(pace, steadyDice(state.dataUpdateCount + state.errorUpdateCount))
  },
  meta: { offline: true, private: true },
})

export function useOrders() {
  return useInfiniteQuery(ordersQuery)
}
