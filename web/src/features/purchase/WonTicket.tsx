import type { Purchase } from '@/shared/api/types'
import { formatMoney } from '@/shared/lib/money'
import { Button, ButtonLink } from '@/shared/ui/Button'
import { Countdown } from '@/shared/ui/Countdown'
import { Tear } from '@/shared/ui/Tear'
import { useEffect, useRef, type ReactNode } from 'react'
import { Trans, useTranslation } from 'react-i18next'
import { isClosed, isPayable } from './standing'
import { useLate } from './useLate'

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
  onLate: () => Promise<number | null>
}) {
  const { t } = useTranslation('purchase')
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (takesFocus) heading.current?.focus({ preventScroll: true })
  }, [takesFocus])
  const isLate = useLate(purchase, onLate)
  const isToPay = isPayable(purchase) && !isLate
  return (
    <section className="overflow-hidden rounded-card border-2 border-good bg-card" data-testid="won">
      <div className="flex flex-wrap items-end justify-between gap-3 bg-good-soft px-5 py-4 text-good">
        <h2 ref={heading} tabIndex={-1} className="text-2xl font-bold focus-visible:outline-none">
          {t(isClosed(purchase) ? 'won.closed' : isLate ? 'won.late' : 'won.title')}
        </h2>
        <p className="text-sm font-semibold">
          <Trans
            t={t}
            i18nKey="won.sequence"
            values={{ sequence: purchase.sequence }}
            components={{ n: <span className="figures mx-1 text-4xl leading-none font-bold" /> }}
          />
        </p>
      </div>
      <Tear />
      <div className="grid gap-4 px-5 py-4">
        <Facts purchase={purchase} />
        {isLate ? <p role="status">{t('won.lateText')}</p> : <Standing purchase={purchase} />}
        <div className="flex flex-wrap gap-2">
          <ButtonLink to={`/orders/${purchase.order_id}`} tone={isToPay || isLate ? 'primary' : 'quiet'}>
            {t(isToPay ? 'won.pay' : 'won.see')}
          </ButtonLink>
          <Button onClick={onDismiss}>{t('won.dismiss')}</Button>
        </div>
      </div>
    </section>
  )
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
