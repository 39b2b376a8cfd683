/** An attempt in words: what is shown, and what readers hear. */
import { formatMoment } from '@/shared/lib/time'
import type { TFunction } from 'i18next'
import type { Purchase } from '@/shared/api/types'
import type { Attempt, Phase } from './model'
import type { Refusal } from './reply'
import { isPayable } from './standing'

export type T = TFunction<'purchase'>

export interface Words {
  title: string
  text: string
}

export function waitText(t: T, phase: Extract<Phase, { name: 'waiting' }>, isOnline: boolean): Words {
  if (phase.why === 'silent' && !isOnline) return { title: t('wait.offline'), text: t('wait.offlineText') }
  const title = t(`wait.${phase.why}`)
  const limit = (['user', 'ip', 'sale', 'global'] as const).find((level) => level === phase.limit)
  return { title, text: limit ? t(`wait.limit_${limit}`) : t(`wait.${phase.why}Text`) }
}

export function progressText(t: T, phase: Phase): string {
  switch (phase.name) {
    case 'saving':
    case 'sending':
    case 'asking':
      return t(`progress.${phase.name}`)
    default:
      return ''
  }
}

export function refusalText(t: T, refusal: Refusal, language: string): Words {
  const title = t(`refused.${refusal.code}`)
  switch (refusal.code) {
    case 'sold_out':
      return {
        title,
        text: refusal.stockLeft
          ? t('refused.sold_outLeft', { count: refusal.stockLeft })
          : t('refused.sold_outText'),
      }
    case 'sale_not_started':
      return {
        title,
        text: refusal.startsAtMs
          ? t('refused.sale_not_startedText', { when: formatMoment(refusal.startsAtMs, language) })
          : t('refused.sale_not_startedTextSoon'),
      }
    case 'unexpected':
      return { title, text: t('refused.unexpectedText', { request: refusal.requestId ?? '' }) }
    default:
      return { title, text: t(`refused.${refusal.code}Text`) }
  }
}

/** One sentence or two for readers, when the phase changes. */
export function spokenText(t: T, { phase }: Attempt, language: string, isOnline: boolean): string {
  switch (phase.name) {
    case 'idle':
      return ''
    case 'won':
      return wonText(t, phase.purchase, language)
    case 'refused':
      return joined(t, refusalText(t, phase.refusal, language))
    case 'offered':
      return joined(t, { title: t('offered.title'), text: t('offered.text') })
    case 'signin':
      return joined(t, { title: t('signin.title'), text: t('signin.text') })
    case 'waiting':
      return joined(t, waitText(t, phase, isOnline))
    default:
      return progressText(t, phase)
  }
}

function wonText(t: T, purchase: Purchase, language: string): string {
  const { sequence, order_id: order, status } = purchase
  if (isPayable(purchase))
    return t('won.spoken', { sequence, order, when: formatMoment(purchase.pay_before_ms, language) })
  const closed = (['cancelled', 'expired', 'rejected', 'refunded'] as const).find((one) => one === status)
  return closed
    ? joined(t, { title: t('won.closed'), text: t('won.closedText', { status: t(`won.status.${closed}`) }) })
    : joined(t, { title: t('won.paid'), text: t('won.paidText') })
}

function joined(t: T, words: Words): string {
  return t('spoken', { ...words })
}
