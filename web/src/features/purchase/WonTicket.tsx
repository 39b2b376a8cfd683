import type { Purchase } from '@/shared/api/types'
import { formatMoney } from '@/shared/lib/money'
import { atServerTime } from '@/shared/lib/serverClockStore'
import { Button, ButtonLink } from '@/shared/ui/Button'
import { Countdown } from '@/shared/ui/Countdown'
import { Tear } from '@/shared/ui/Tear'
import { useEffect, useRef, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { isClosed } from './model'

const EXPIRY_MS = 1500 // the shop acts on it within a second

/** The confirmation, as a ticket to keep. `takesFocus`: the button that was tapped is gone, so the focus comes here. */
export function WonTicket({
  purchase,
  takesFocus,
  onDismiss,
  onLate,
}: {
  purchase: Purchase
  takesFocus: boolean
  onDismiss: () => void
  /** The time to pay is over: what became of the order? */
  onLate: () => void
}) {
  const { t } = useTranslation('purchase')
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (takesFocus) heading.current?.focus({ preventScroll: true })
  }, [takesFocus])
  const lateMs = isPayable(purchase) ? purchase.pay_before_ms + EXPIRY_MS : null
  useEffect(() => (lateMs === null ? undefined : atServerTime(lateMs, onLate)), [lateMs, onLate])
  return (
    <section className="overflow-hidden rounded-card border-2 border-good bg-card" data-testid="won">
      <div className="flex flex-wrap items-end justify-between gap-3 bg-good-soft px-5 py-4 text-good">
        <h2 ref={heading} tabIndex={-1} className="text-2xl font-bold focus-visible:outline-none">
          {isClosed(purchase) ? t('won.closed') : t('won.title')}
        </h2>
        <p className="text-sm font-semibold">
          {t('won.sequence')}
          <span className="figures ml-2 text-4xl leading-none font-bold">{purchase.sequence}</span>
        </p>
      </div>
      <Tear />
      <div className="grid gap-4 px-5 py-4">
        <Facts purchase={purchase} />
        <Standing purchase={purchase} />
        <div className="flex flex-wrap gap-2">
          <ButtonLink to={`/orders/${purchase.order_id}`} tone={isPayable(purchase) ? 'primary' : 'quiet'}>
            {t(isPayable(purchase) ? 'won.pay' : 'won.see')}
          </ButtonLink>
          <Button onClick={onDismiss}>{t('won.dismiss')}</Button>
        </div>
      </div>
    </section>
  )
}

function isPayable({ status }: Purchase): boolean {
  return status === 'reserved' || status === 'pending_payment'
}

function Facts({ purchase }: { purchase: Purchase }) {
  const { t, i18n } = useTranslation('purchase')
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-5 gap-y-1.5">
      <Fact name={t('won.order')}>
        <span className="font-mono text-sm">{purchase.order_id}</span>
      </Fact>
      <Fact name={t('won.pieces')}>{purchase.quantity}</Fact>
      <Fact name={t('won.total')}>{formatMoney(purchase.total_cents, purchase.currency, i18n.language)}</Fact>
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="figures text-right font-semibold">{children}</dd>
    </>
  )
}

/** What is to be done about it now. */
function Standing({ purchase }: { purchase: Purchase }) {
  const { t } = useTranslation('purchase')
  switch (purchase.status) {
    case 'reserved':
    case 'pending_payment':
      return (
        <p className="flex flex-wrap items-baseline justify-between gap-2 rounded-lg bg-warn-soft px-4 py-2 font-semibold text-warn">
          {t('won.payBefore')}
          <Countdown untilMs={purchase.pay_before_ms} className="text-2xl" />
        </p>
      )
    case 'paid':
      return (
        <p>
          <strong className="mr-2 text-good">{t('won.paid')}</strong>
          {t('won.paidText')}
        </p>
      )
    default:
      return <p>{t('won.closedText', { status: t(`won.status.${purchase.status}`) })}</p>
  }
}
