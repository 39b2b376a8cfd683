import { request } from '@/shared/api/client'
import { useMutation } from '@tanstack/react-query'
import type { Step } from '../sale/rules'
import { useKeepSale } from './useKeepSale'
import type { OperatorSale } from './types'

/** Again changes nothing, so it may be sent again whenever it is not known what became of it. */
export function moveSale(saleId: string, step: Step): Promise<OperatorSale> {
  return request<OperatorSale>({
    method: 'POST',
    url: `/admin/sales/${encodeURIComponent(saleId)}/${step}`,
    data: {},
  })
}

export function useMoveSale(saleId: string) {
  return useMutation({ mutationFn: (step: Step) => moveSale(saleId, step), onSuccess: useKeepSale() })
}
