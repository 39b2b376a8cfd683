import type { ApiError } from '@/shared/api/error'
import { problemText } from '@/shared/ui/Problem'
import { useCallback } from 'react'
import { useTranslation } from 'react-i18next'

export type Action =
  | 'create'
  | 'edit'
  | 'publish'
  | 'pause'
  | 'resume'
  | 'end'
  | 'stock'
  | 'scale'
  | 'limits'
  | 'requeue'
  | 'discard'
  | 'cancel'

/** What a refusal means for the thing that was asked; the rest is told as everywhere in the shop. */
const refusals = {
  edit: { invalid_state: 'failed.editState' },
  publish: { invalid_state: 'failed.stepState' },
  pause: { invalid_state: 'failed.stepState' },
  resume: { invalid_state: 'failed.stepState' },
  end: { invalid_state: 'failed.stepState' },
  stock: { invalid_state: 'failed.stockState', idempotency_mismatch: 'failed.stockKey' },
  requeue: {
    invalid_state: 'failed.requeueState',
    sold_out: 'failed.requeueSoldOut',
    already_purchased: 'failed.requeueHasOrder',
  },
  discard: { invalid_state: 'failed.discardState' },
  cancel: { invalid_state: 'failed.cancelState' },
} as const

type RefusalKey = {
  [A in keyof typeof refusals]: (typeof refusals)[A][keyof (typeof refusals)[A]]
}[keyof typeof refusals]

function refusalOf(action: Action, code: string): RefusalKey | null {
  const known: Partial<Record<string, Partial<Record<string, RefusalKey>>>> = refusals
  return known[action]?.[code] ?? null
}

/** What went wrong and what to do next, for an operator. */
export function useFailureText(): (action: Action, error: ApiError) => string {
  const { t } = useTranslation('operate')
  const { t: common } = useTranslation()
  return useCallback(
    (action, error) => {
      // Sent, and no answer: it may have been done. Only a draft would be made twice.
      if (error.kind === 'network' || error.kind === 'timeout')
        return t(action === 'create' ? 'failed.createUnknown' : 'failed.unknown')
      const refusal = refusalOf(action, error.code ?? '')
      if (refusal) return t(refusal, { order: error.problem?.order_id ?? '' })
      return problemText(common, error)
    },
    [t, common],
  )
}
