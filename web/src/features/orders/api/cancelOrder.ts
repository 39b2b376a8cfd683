import { request } from '@/shared/api/client'
import type { ApiError } from '@/shared/api/error'
import type { Order } from '@/shared/api/types'
import { nextPollMs } from '@/shared/lib/pacing'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { isUndecided } from '../attempt'
import { orderQuery } from './getOrder'

const TRIES = 4

/** The same however often it is sent, so an answer that did not come is asked for again. */
export function useCancelOrder(orderId: string) {
  const client = useQueryClient()
  return useMutation<Order, ApiError, undefined>({
    mutationFn: () =>
      request<Order>({ method: 'POST', url: `/orders/${encodeURIComponent(orderId)}/cancel`, data: {} }),
    retry: (failures, error) => failures < TRIES && isUndecided(error) && error.status !== 401,
    retryDelay: (failures, error) =>
      nextPollMs(
        { floorMs: 500, failures: failures + 1, retryAfterMs: error.retryAfterMs ?? 0 },
        Math.random(),
      ),
    onSuccess: (order) => client.setQueryData(orderQuery(orderId).queryKey, order),
    onSettled: () => client.invalidateQueries({ queryKey: ['orders'] }),
  })
}
