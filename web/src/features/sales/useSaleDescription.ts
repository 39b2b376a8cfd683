import type { Sale } from '@/shared/api/types'
import { formatMoney } from '@/shared/lib/money'
import { formatMoment } from '@/shared/lib/time'
import { useTranslation } from 'react-i18next'
import { useDescription } from './useDescription'

export function useSaleDescription(sale: Sale | undefined): void {
  const { t, i18n } = useTranslation('sales')
  const describe = (one: Sale): string => {
    const money = (cents: number): string => formatMoney(cents, one.currency, i18n.language)
    const values = {
      title: one.title,
      price: money(one.price_cents),
      total: one.stock_total,
      when: formatMoment(one.starts_at_ms, i18n.language),
    }
    return one.list_price_cents !== null && one.list_price_cents > one.price_cents
      ? t('page.meta', { ...values, list: money(one.list_price_cents) })
      : t('page.metaNoList', values)
  }
  useDescription(sale ? describe(sale) : '')
}
