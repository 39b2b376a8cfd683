import { request } from '@/shared/api/client'
import { useMutation } from '@tanstack/react-query'
import type { OperatorSale, SaleChanges, SaleRequest } from './types'
import { useKeepSale } from './useKeepSale'

export function createSale(sale: SaleRequest): Promise<OperatorSale> {
  return request<OperatorSale>({ method: 'POST', url: '/admin/sales', data: sale })
}

export function editSale(saleId: string, changes: SaleChanges): Promise<OperatorSale> {
  return request<OperatorSale>({
    method: 'PATCH',
    url: `/admin/sales/${encodeURIComponent(saleId)}`,
    data: changes,
  })
}

export function useCreateSale() {
  return useMutation({ mutationFn: createSale, onSuccess: useKeepSale() })
}

export function useEditSale(saleId: string) {
  return useMutation({
    mutationFn: (changes: SaleChanges) => editSale(saleId, changes),
    onSuccess: useKeepSale(),
  })
}
