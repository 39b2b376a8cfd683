import { request } from '@/shared/api/client'
import { firstLoadMs } from '@/shared/api/firstLoad'
import type { Order } from '@/shared/api/types'
import { steadyDice } from '@/shared/lib/pacing'
import { nowMs } from '@/shared/lib/serverClockStore'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { orderPollMs } from '../model'

export const orderQuery = (orderId: string) =>
  queryOptions({
    queryKey: ['orders', 'one', orderId],
    queryFn: ({ signal }) => request<Order>({ url: `/orders/${encodeURIComponent(orderId)}`, signal }),
    refetchInterval: ({ state }) =>
      firstLoadMs(state) ||
      orderPollMs(
        state.data,
        nowMs(),
        { failures: state.fetchFailureCount, retryAfterMs: state.error?.retryAfterMs ?? null },
        steadyDice(state.dataUpdateCount + state.errorUpdateCount),
      ),
    meta: { offline: true, private: true },
  })

export function useOrder(orderId: string) {
  return useQuery(orderQuery(orderId))
}
