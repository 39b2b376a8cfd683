import { formatMoney } from '@/shared/lib/money'
import { formatMoment } from '@/shared/lib/time'
import { useTranslation } from 'react-i18next'
import type { OperatorSale } from '../api/types'

/** What was agreed for the sale. */
export function Facts({ sale }: { sale: OperatorSale }) {
  const { t, i18n } = useTranslation('operate')
  const money = (cents: number): string => formatMoney(cents, sale.currency, i18n.language)
  const rows: [string, string][] = [
    [t('field.price'), money(sale.price_cents)],
    [t('field.list_price'), sale.list_price_cents ? money(sale.list_price_cents) : t('board.noListPrice')],
    [t('sales.starts'), formatMoment(sale.starts_at_ms, i18n.language)],
    [t('sales.ends'), formatMoment(sale.ends_at_ms, i18n.language)],
    [t('field.per_user_limit'), t('board.units', { count: sale.per_user_limit })],
    [t('field.pay_within_s'), t('board.seconds', { count: sale.pay_within_s })],
    [t('sales.version'), t('sales.versionOf', { version: sale.version, epoch: sale.epoch })],
  ]
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2">
      {rows.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="figures text-right">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
