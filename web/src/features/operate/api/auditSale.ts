import { request } from '@/shared/api/client'
import type { Audit } from '@/shared/api/types'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { keys } from './keys'

/** Counts rows of the database: asked for when somebody wants it, not over and over. */
export const auditQuery = (saleId: string) =>
  queryOptions({
    queryKey: keys.audit(saleId),
    queryFn: ({ signal }) =>
      request<Audit>({ url: `/admin/sales/${encodeURIComponent(saleId)}/audit`, signal }),
    refetchOnWindowFocus: false,
    meta: { private: true },
  })

export function useAudit(saleId: string) {
  return useQuery(auditQuery(saleId))
}
