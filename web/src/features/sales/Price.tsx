import type { Sale } from '@/shared/api/types'
import { formatMoney } from '@/shared/lib/money'
import { useTranslation } from 'react-i18next'
import { savingPercent } from './model'

export function Price({
  sale,
  isLarge = false,
}: {
  sale: Pick<Sale, 'price_cents' | 'list_price_cents' | 'currency'>
  isLarge?: boolean
}) {
  const { t, i18n } = useTranslation('sales')
  const money = (cents: number): string => formatMoney(cents, sale.currency, i18n.language)
  const saving = savingPercent(sale.price_cents, sale.list_price_cents)
  return (
    <p className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
      <span className="sr-only">{t('price.now')}</span>
      <span className={`figures font-bold ${isLarge ? 'text-4xl sm:text-5xl' : 'text-2xl'}`}>
        {money(sale.price_cents)}
      </span>
      {saving !== null && sale.list_price_cents !== null && (
        <span className="inline-flex items-baseline gap-2 text-sm text-muted">
          <span className="sr-only">{t('price.list', { price: money(sale.list_price_cents) })}</span>
          <s aria-hidden="true" className="figures">
            {money(sale.list_price_cents)}
          </s>
          <span className="font-semibold text-good">{t('price.saving', { percent: saving })}</span>
        </span>
      )}
    </p>
  )
}
