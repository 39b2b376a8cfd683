import { Button, ButtonLink } from '@/shared/ui/Button'
import { Notice, type NoticeTone } from '@/shared/ui/Notice'
import { useTranslation } from 'react-i18next'
import type { Refusal, RefusalCode } from './reply'
import { refusalText } from './words'

const tones: Record<RefusalCode, NoticeTone> = {
  already_purchased: 'info',
  sold_out: 'warn',
  limit_exceeded: 'warn',
  idempotency_mismatch: 'warn',
  unknown_sale: 'bad',
  sale_ended: 'warn',
  sale_paused: 'warn',
  sale_not_started: 'info',
  not_saved: 'bad',
  unexpected: 'bad',
}

/** The server's clear no: why, and what to do next. */
export function Refused({
  refusal,
  onDismiss,
  onAnew,
}: {
  refusal: Refusal
  onDismiss: () => void
  onAnew: () => void
}) {
  const { t, i18n } = useTranslation('purchase')
  const { title, text } = refusalText(t, refusal, i18n.language)
  return (
    <Notice tone={tones[refusal.code]} title={title}>
      <p>{text}</p>
      <div className="mt-3 flex flex-wrap gap-2">
        <NextStep refusal={refusal} onAnew={onAnew} />
        <Button onClick={onDismiss}>{t('refused.dismiss')}</Button>
      </div>
    </Notice>
  )
}

function NextStep({ refusal, onAnew }: { refusal: Refusal; onAnew: () => void }) {
  const { t } = useTranslation('purchase')
  switch (refusal.code) {
    case 'already_purchased':
      return (
        <ButtonLink to={refusal.orderId ? `/orders/${refusal.orderId}` : '/orders'} tone="primary">
          {t('refused.already_purchasedAction')}
        </ButtonLink>
      )
    case 'idempotency_mismatch':
      return (
        <>
          <ButtonLink to="/orders" tone="primary">
            {t('refused.orders')}
          </ButtonLink>
          <Button onClick={onAnew}>{t('refused.idempotency_mismatchAction')}</Button>
        </>
      )
    case 'sold_out':
    case 'sale_ended':
    case 'unknown_sale':
      return <ButtonLink to="/">{t('refused.otherSales')}</ButtonLink>
    default:
      return null
  }
}
