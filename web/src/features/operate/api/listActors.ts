import { request } from '@/shared/api/client'
import type { Actor } from '@/shared/api/types'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { watch, type Crew } from '../actors/crew'
import { every } from '../poll'
import { keys } from './keys'

const POLL_MS = 1000

/** Each answer is compared with the one before it, so that who came and who left can be said. */
export const actorsQuery = queryOptions({
  queryKey: keys.actors,
  queryFn: async ({ client, signal }): Promise<Crew> => {
    const { actors } = await request<{ actors: Actor[] }>({ url: '/admin/actors', signal })
    return watch(client.getQueryData<Crew>(keys.actors), actors, Date.now())
  },
  structuralSharing: false,
  refetchInterval: every(POLL_MS),
  retry: false,
  meta: { private: true },
})

export function useActors() {
  return useQuery(actorsQuery)
}
