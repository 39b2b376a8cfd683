/** An attempt in words: what is shown, and what readers hear. */
import { formatMoment } from '@/shared/lib/time'
import type { TFunction } from 'i18next'
import type { Attempt, Phase } from './model'
import type { Refusal } from './reply'

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
      return t('won.spoken', {
        sequence: phase.purchase.sequence,
        order: phase.purchase.order_id,
        when: formatMoment(phase.purchase.pay_before_ms, language),
      })
    case 'refused':
      return joined(refusalText(t, phase.refusal, language))
    case 'offered':
      return joined({ title: t('offered.title'), text: t('offered.text') })
    case 'signin':
      return joined({ title: t('signin.title'), text: t('signin.text') })
    case 'waiting':
      return joined(waitText(t, phase, isOnline))
    default:
      return progressText(t, phase)
  }
}

function joined({ title, text }: Words): string {
  return `${title}. ${text}`
}
