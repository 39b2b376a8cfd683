import type { Order } from '@/shared/api/types'
import { Badge } from '@/shared/ui/Notice'
import { Panel } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'
import { paymentToneOf } from './model'

export function PaymentList({ order }: { order: Order }) {
  const { t } = useTranslation('orders')
  if (order.payments.length === 0) return null
  return (
    <Panel title={t('payments.title')}>
      <ol className="grid gap-3">
        {order.payments.map((payment, index) => (
          <li
            key={payment.payment_id}
            className="grid gap-1 border-t border-line pt-3 first:border-0 first:pt-0"
          >
            <p className="flex flex-wrap items-center gap-3">
              <span className="figures font-semibold">{t('payments.number', { number: index + 1 })}</span>
              <Badge tone={paymentToneOf(payment.status)}>{t(`payments.status.${payment.status}`)}</Badge>
            </p>
            <p className="font-mono text-xs break-all text-muted">{payment.payment_id}</p>
          </li>
        ))}
      </ol>
    </Panel>
  )
}
