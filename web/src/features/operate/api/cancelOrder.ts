import { request } from '@/shared/api/client'
import type { Order } from '@/shared/api/types'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { keys } from './keys'

/** Again: the same answer. */
export function cancelOrder(orderId: string, reason: string): Promise<Order> {
  return request<Order>({ method: 'POST', url: `/admin/orders/${orderId}/cancel`, data: { reason } })
}

export function useCancelOrder(orderId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (reason: string) => cancelOrder(orderId, reason),
    onSuccess: (order) => {
      client.setQueryData(keys.order(orderId), order)
    },
  })
}
