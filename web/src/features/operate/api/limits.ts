import { request } from '@/shared/api/client'
import type { Limits, LimitsPatch } from '@/shared/api/types'
import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { every } from '../poll'
import { keys } from './keys'

const POLL_MS = 5000

export const limitsQuery = queryOptions({
  queryKey: keys.limits,
  queryFn: async ({ signal }) => (await request<{ limits: Limits }>({ url: '/admin/limits', signal })).limits,
  refetchInterval: every(POLL_MS),
  retry: false,
  meta: { private: true },
})

export function useLimits() {
  return useQuery(limitsQuery)
}

/** What is not named stays as it is. */
export async function patchLimits(limits: LimitsPatch): Promise<Limits> {
  return (await request<{ limits: Limits }>({ method: 'PATCH', url: '/admin/limits', data: { limits } }))
    .limits
}

export function usePatchLimits() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: patchLimits,
    onSuccess: (limits) => {
      client.setQueryData(keys.limits, limits)
    },
  })
}
