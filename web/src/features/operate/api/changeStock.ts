import { request } from '@/shared/api/client'
import { useMutation } from '@tanstack/react-query'
import { useKeepSale } from './useKeepSale'
import type { OperatorSale } from './types'

export interface StockChange {
  /** Made before the first sending; the same again for the same change, however often it is sent. */
  key: string
  delta: number
  reason: string
}

export function changeStock(saleId: string, { key, delta, reason }: StockChange): Promise<OperatorSale> {
  return request<OperatorSale>({
    method: 'POST',
    url: `/admin/sales/${encodeURIComponent(saleId)}/stock`,
    headers: { 'Idempotency-Key': key },
    data: { delta, reason },
  })
}

export function useChangeStock(saleId: string) {
  return useMutation({
    mutationFn: (change: StockChange) => changeStock(saleId, change),
    onSuccess: useKeepSale(),
  })
}
