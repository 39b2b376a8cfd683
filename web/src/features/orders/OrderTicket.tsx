import type { Order } from '@/shared/api/types'
import { formatMoney } from '@/shared/lib/money'
import { formatMoment } from '@/shared/lib/time'
import { Countdown } from '@/shared/ui/Countdown'
import { Badge } from '@/shared/ui/Notice'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { isOpen, isRefundDue, isTicking, phaseOf, toneOf, wasDeclined } from './model'
import { SaleTitle } from './SaleTitle'

/** The order as what it is: a ticket, with a stub that says how much and which one. */
export function OrderTicket({ order, nowMs }: { order: Order; nowMs: number | null }) {
  const { t, i18n } = useTranslation('orders')
  const money = (cents: number): string => formatMoney(cents, order.currency, i18n.language)
  return (
    <section className="ticket grid overflow-hidden sm:grid-cols-[1fr_15rem]" aria-label={t('ticket')}>
      <div className="p-5 sm:p-7">
        <h2 className="text-2xl font-semibold">
          <Link to={`/sales/${order.sale_id}`} className="no-underline hover:underline">
            <SaleTitle saleId={order.sale_id} />
          </Link>
        </h2>
        <Standing order={order} nowMs={nowMs} />
        <dl className="mt-6 grid grid-cols-2 gap-x-6 gap-y-3 border-t border-line pt-4">
          <Fact name={t('fact.quantity')}>{t('units', { count: order.quantity })}</Fact>
          <Fact name={t('fact.price')}>{money(order.price_cents)}</Fact>
          {isOpen(order) && (
            <Fact name={t('fact.payBefore')}>{formatMoment(order.pay_before_ms, i18n.language)}</Fact>
          )}
          <Fact name={t('fact.id')}>
            <span className="font-mono text-xs break-all">{order.order_id}</span>
          </Fact>
        </dl>
      </div>
      <div className="relative flex flex-wrap items-end justify-between gap-4 border-t-2 border-dashed border-line p-5 sm:flex-col sm:items-start sm:border-t-0 sm:border-l-2 sm:p-7">
        <Holes />
        <div>
          <p className="text-sm text-muted">{t('fact.sequence')}</p>
          <p className="figures text-4xl font-bold">{t('number', { number: order.sequence })}</p>
        </div>
        <div>
          <p className="text-sm text-muted">{t('fact.total')}</p>
          <p className="figures text-2xl font-semibold">{money(order.total_cents)}</p>
        </div>
      </div>
    </section>
  )
}

/** Where the stub is torn off: at its left on wide pages, at its top on phones. */
function Holes() {
  const hole = 'absolute -top-[10px] size-[18px] rounded-full border border-line bg-paper'
  return (
    <span aria-hidden="true" className="pointer-events-none absolute inset-0">
      <span className={`${hole} -left-[10px]`} />
      <span className={`${hole} -right-[10px] sm:top-auto sm:right-auto sm:-bottom-[10px] sm:-left-[10px]`} />
    </span>
  )
}

/** Where it stands, in words; read out whenever it changes. */
function Standing({ order, nowMs }: { order: Order; nowMs: number | null }) {
  const { t } = useTranslation('orders')
  const phase = phaseOf(order)
  return (
    <div className="mt-3 min-h-28">
      <div role="status">
        <Badge tone={toneOf(phase)}>{t(`status.${phase}`)}</Badge>
        <p className="mt-2 max-w-prose">
          {wasDeclined(order) ? t('explain.declined') : t(`explain.${phase}`, { reason: order.reason ?? '' })}
        </p>
        {order.reason && phase !== 'rejected' && (
          <p className="mt-1 text-muted">{t('reason', { reason: order.reason })}</p>
        )}
        {isRefundDue(order) && <p className="mt-1 text-warn">{t('explain.refundDue')}</p>}
      </div>
      {isTicking(order, nowMs) && (
        <p className="mt-3 font-semibold text-warn">
          {t('payWithin')}{' '}
          <span role="timer">
            <Countdown untilMs={order.pay_before_ms} isSpoken className="text-2xl" />
          </span>
        </p>
      )}
    </div>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-sm text-muted">{name}</dt>
      <dd className="figures">{children}</dd>
    </div>
  )
}
