import { request } from '@/shared/api/client'
import type { SaleStats } from '@/shared/api/types'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { keys } from '../../api/keys'
import { every } from '../../poll'
import { pushSample, sampleOf, type Sample } from '../history'

export interface Board {
  stats: SaleStats
  /** The last five minutes as this page saw them, oldest first. */
  samples: readonly Sample[]
}

const POLL_MS = 1000
const KEEP_MS = 300_000

/** Monotonic, in ms since 1970: a device clock that is set makes no hole in the charts. */
function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

export const boardQuery = (saleId: string) =>
  queryOptions({
    queryKey: keys.stats(saleId),
    queryFn: async ({ client, signal }): Promise<Board> => {
      const stats = await request<SaleStats>({
        url: `/admin/sales/${encodeURIComponent(saleId)}/stats`,
        signal,
      })
      const before = client.getQueryData<Board>(keys.stats(saleId))?.samples ?? []
      return { stats, samples: pushSample(before, sampleOf(stats, nowMs())) }
    },
    structuralSharing: false,
    refetchInterval: every(POLL_MS),
    retry: false,
    gcTime: KEEP_MS,
    staleTime: 0,
    meta: { private: true },
  })

export function useBoard(saleId: string) {
  return useQuery(boardQuery(saleId))
}
