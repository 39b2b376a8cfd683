import { requestPaced, type Answer } from '@/shared/api/client'
import type { Sale } from '@/shared/api/types'
import { useQuery } from '@tanstack/react-query'

const KEPT_MS = 300_000

/** Orders name their sale by number only. The key and shape are those of the sales pages, whose copies are used as they are. */
export function useSaleTitle(saleId: string): string | null {
  const sale = useQuery({
    queryKey: ['sales', 'one', saleId],
    queryFn: ({ signal }): Promise<Answer<Sale>> =>
      requestPaced<Sale>({ url: `/sales/${encodeURIComponent(saleId)}`, signal }),
    staleTime: KEPT_MS,
    refetchOnWindowFocus: false,
    meta: { offline: true },
  })
  return sale.data?.data.title ?? null
}
