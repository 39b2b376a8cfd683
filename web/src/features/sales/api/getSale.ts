import { anonymous, requestPaced, type Answer } from '@/shared/api/client'
import type { Sale } from '@/shared/api/types'
import { queryOptions, useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query'
import { firstPollMs, salePollMs } from '../model'
import type { SalesPage } from './listSales'
import { pollState } from './pollState'

export type SaleNow = Sale & { now_ms: number }

export const saleQuery = (saleId: string) =>
  queryOptions({
    queryKey: ['sales', 'one', saleId],
    queryFn: ({ signal }): Promise<Answer<SaleNow>> =>
      requestPaced<SaleNow>({ url: `/sales/${encodeURIComponent(saleId)}`, signal, ...anonymous }),
    refetchInterval: (query) => {
      const answer = query.state.data
      return answer
        ? salePollMs(answer.data, answer.data.now_ms, pollState(query, answer))
        : firstPollMs(query.state.error, query.state.errorUpdateCount)
    },
    meta: { offline: true },
  })

/** The sale as the list had it, until its own answer is there. */
function fromList(client: QueryClient, saleId: string): Answer<SaleNow> | undefined {
  const lists = client.getQueriesData<{ pages: Answer<SalesPage>[] }>({ queryKey: ['sales', 'list'] })
  for (const [, list] of lists)
    for (const { data } of list?.pages ?? []) {
      const sale = data.sales.find((one) => one.sale_id === saleId)
      if (sale) return { data: { ...sale, now_ms: data.now_ms }, maxAgeMs: 0 }
    }
  return undefined
}

export function useSale(saleId: string) {
  const client = useQueryClient()
  return useQuery({ ...saleQuery(saleId), placeholderData: () => fromList(client, saleId) })
}
