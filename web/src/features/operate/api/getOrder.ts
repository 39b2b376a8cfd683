import { request } from '@/shared/api/client'
import type { Order } from '@/shared/api/types'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { every } from '../poll'
import { keys } from './keys'

const POLL_MS = 3000

export const orderQuery = (orderId: string) =>
  queryOptions({
    queryKey: keys.order(orderId),
    queryFn: ({ signal }) => request<Order>({ url: `/admin/orders/${orderId}`, signal }),
    refetchInterval: every(POLL_MS),
    meta: { private: true },
  })

export function useOrder(orderId: string) {
  return useQuery(orderQuery(orderId))
}
