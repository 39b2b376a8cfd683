import { request } from '@/shared/api/client'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { every } from '../poll'
import { keys } from './keys'
import type { OperatorSale } from './types'

const POLL_MS = 2000

export const saleQuery = (saleId: string) =>
  queryOptions({
    queryKey: keys.sale(saleId),
    queryFn: ({ signal }) =>
      request<OperatorSale>({ url: `/admin/sales/${encodeURIComponent(saleId)}`, signal }),
    refetchInterval: every(POLL_MS),
    retry: false,
    meta: { private: true },
  })

export function useSale(saleId: string) {
  return useQuery(saleQuery(saleId))
}
