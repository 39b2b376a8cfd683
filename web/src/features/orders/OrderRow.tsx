import type { Order } from '@/shared/api/types'
import { formatMoney } from '@/shared/lib/money'
import { formatMoment } from '@/shared/lib/time'
import { Countdown } from '@/shared/ui/Countdown'
import { Badge } from '@/shared/ui/Notice'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { isTicking, phaseOf, toneOf } from './model'
import { SaleTitle } from './SaleTitle'

/** One order as a ticket; the whole of it leads to the order. */
export function OrderRow({ order, nowMs }: { order: Order; nowMs: number | null }) {
  const { t, i18n } = useTranslation('orders')
  const phase = phaseOf(order)
  const reserved = order.timeline[0]
  return (
    <li className="ticket relative grid grid-cols-[1fr_auto] has-[a:hover]:bg-sunken">
      <div className="min-w-0 p-4 sm:p-5">
        <p className="mb-1 flex flex-wrap items-center gap-x-3 gap-y-1">
          <Badge tone={toneOf(phase)}>{t(`status.${phase}`)}</Badge>
          {isTicking(order, nowMs) && (
            <span className="text-sm font-semibold text-warn">
              {t('payWithin')} <Countdown untilMs={order.pay_before_ms} />
            </span>
          )}
        </p>
        <h2 className="text-lg font-semibold">
          <Link to={`/orders/${order.order_id}`} className="no-underline after:absolute after:inset-0">
            <SaleTitle saleId={order.sale_id} />
          </Link>
        </h2>
        <p className="text-sm text-muted">
          {t('units', { count: order.quantity })}
          {reserved && ` · ${formatMoment(reserved.at_ms, i18n.language)}`}
        </p>
      </div>
      <div className="grid min-w-24 content-center justify-items-end border-l-2 border-dashed border-line p-4 sm:min-w-36 sm:p-5">
        <p className="figures text-lg font-semibold sm:text-xl">
          {formatMoney(order.total_cents, order.currency, i18n.language)}
        </p>
        <p className="figures text-sm text-muted">{t('number', { number: order.sequence })}</p>
      </div>
    </li>
  )
}
