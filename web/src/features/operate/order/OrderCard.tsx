import type { Order } from '@/shared/api/types'
import { formatMoney } from '@/shared/lib/money'
import { formatInstant } from '@/shared/lib/time'
import { Badge, type NoticeTone } from '@/shared/ui/Notice'
import { Panel } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { CancelOrder } from './CancelOrder'

const tones: Record<Order['status'], NoticeTone | 'plain'> = {
  reserved: 'info',
  pending_payment: 'warn',
  paid: 'good',
  cancelled: 'plain',
  expired: 'plain',
  rejected: 'bad',
  refunded: 'info',
}

export function OrderCard({ order }: { order: Order }) {
  const { t } = useTranslation('operate')
  return (
    <div className="grid items-start gap-5 lg:grid-cols-2">
      <Panel title={t('order.facts')} actions={<CancelOrder order={order} />}>
        <OrderFacts order={order} />
        <h3 className="perforated mt-5 mb-2 pt-4 font-semibold">{t('order.payments')}</h3>
        <Payments order={order} />
      </Panel>
      <Panel title={t('order.timeline')}>
        <Timeline order={order} />
      </Panel>
    </div>
  )
}

function OrderFacts({ order }: { order: Order }) {
  const { t, i18n } = useTranslation('operate')
  const money = (cents: number): string => formatMoney(cents, order.currency, i18n.language)
  const rows: [string, React.ReactNode][] = [
    [
      t('order.status'),
      <Badge key="status" tone={tones[order.status]}>
        {t(`orderStatus.${order.status}`)}
      </Badge>,
    ],
    [t('order.id'), order.order_id],
    [
      t('sales.sale'),
      <Link key="sale" to={`/operate/sales/${order.sale_id}`} className="underline">
        {t('sales.number', { id: order.sale_id })}
      </Link>,
    ],
    [
      t('order.amount'),
      t('order.amountOf', {
        count: order.quantity,
        price: money(order.price_cents),
        total: money(order.total_cents),
      }),
    ],
    [t('order.sequence'), order.sequence],
    [t('order.payBefore'), formatInstant(order.pay_before_ms, i18n.language)],
  ]
  if (order.reason) rows.push([t('order.reason'), order.reason])
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2">
      {rows.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="figures min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Payments({ order }: { order: Order }) {
  const { t } = useTranslation('operate')
  if (order.payments.length === 0) return <p className="text-muted">{t('order.noPayments')}</p>
  return (
    <ul className="grid gap-2">
      {order.payments.map((payment) => (
        <li key={payment.payment_id} className="flex flex-wrap items-center justify-between gap-2">
          <code className="min-w-0 text-sm break-all">{payment.payment_id}</code>
          <span className="font-semibold">{t(`payment.${payment.status}`)}</span>
        </li>
      ))}
    </ul>
  )
}

function Timeline({ order }: { order: Order }) {
  const { t, i18n } = useTranslation('operate')
  const words: Record<string, string | undefined> = t('event', { returnObjects: true })
  return (
    <ol className="grid gap-3 border-l-2 border-dashed border-line pl-4">
      {order.timeline.map((entry, index) => (
        <li key={index}>
          <p className="font-semibold">{words[entry.event] ?? entry.event}</p>
          <p className="text-sm text-muted">
            <time dateTime={new Date(entry.at_ms).toISOString()} className="figures">
              {formatInstant(entry.at_ms, i18n.language)}
            </time>
            {' · '}
            {t('order.by', { actor: entry.actor })}
          </p>
        </li>
      ))}
    </ol>
  )
}
