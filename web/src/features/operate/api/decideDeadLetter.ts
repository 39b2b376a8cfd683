import { request } from '@/shared/api/client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { keys } from './keys'

export type Decision = 'requeue' | 'discard'

/** Again is answered as before: safe to repeat. */
export function decideDeadLetter(id: string, decision: Decision): Promise<{ id: string; status: string }> {
  return request({
    method: 'POST',
    url: `/admin/dead-letters/${encodeURIComponent(id)}/${decision}`,
    data: {},
  })
}

export function useDecideDeadLetter() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, decision }: { id: string; decision: Decision }) => decideDeadLetter(id, decision),
    // Refused too: somebody else may have decided, so the list is asked again either way.
    onSettled: () => client.invalidateQueries({ queryKey: keys.deadLetters }),
  })
}
