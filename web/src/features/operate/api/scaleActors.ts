import { request } from '@/shared/api/client'
import type { ActorKind } from '@/shared/api/types'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { keys } from './keys'

export interface Goal {
  kind: ActorKind
  count: number
}

/** The answer says that the number is in force as a goal; the processes come and go after it. */
export function scaleActors({ kind, count }: Goal): Promise<Goal> {
  return request<Goal>({ method: 'POST', url: `/admin/actors/${kind}`, data: { count } })
}

export function useScaleActors() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: scaleActors,
    onSuccess: () => client.invalidateQueries({ queryKey: keys.actors }),
  })
}
