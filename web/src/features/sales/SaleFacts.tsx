import type { Sale } from '@/shared/api/types'
import { formatMoment, wholeSpan } from '@/shared/lib/time'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'

/** The terms, before anybody taps. */
export function SaleFacts({ sale }: { sale: Sale }) {
  const { t, i18n } = useTranslation('sales')
  const moment = (ms: number): string => formatMoment(ms, i18n.language)
  const { unit, count } = wholeSpan(sale.pay_within_s)
  return (
    <section aria-labelledby="terms">
      <h2 id="terms" className="mb-3 text-xl font-semibold">
        {t('facts.title')}
      </h2>
      <dl className="grid gap-x-8 sm:grid-cols-2">
        <Fact name={t('facts.limit')}>{t('facts.limitValue', { count: sale.per_user_limit })}</Fact>
        <Fact name={t('facts.pay')}>{t(`facts.pay${unit}`, { count })}</Fact>
        <Fact name={t('facts.opens')}>{moment(sale.starts_at_ms)}</Fact>
        <Fact name={t('facts.closes')}>{moment(sale.ends_at_ms)}</Fact>
        <Fact name={t('facts.stock')}>{t('facts.stockValue', { count: sale.stock_total })}</Fact>
        {sale.product_id && <Fact name={t('facts.product')}>{sale.product_id}</Fact>}
      </dl>
    </section>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex items-baseline justify-between gap-4 border-b border-line py-2">
      <dt className="text-muted">{name}</dt>
      <dd className="text-right font-semibold tabular-nums">{children}</dd>
    </div>
  )
}
