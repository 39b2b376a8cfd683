import { useTranslation } from 'react-i18next'
import type { OperatorSale } from '../api/types'
import { formatCount } from '../ui/Figure'

/** "120 / 500", and how full that is. */
export function StockBar({ sale }: { sale: Pick<OperatorSale, 'stock_left' | 'stock_total'> }) {
  const { t, i18n } = useTranslation('operate')
  const share = sale.stock_total > 0 ? Math.min(1, sale.stock_left / sale.stock_total) : 0
  const count = (value: number): string => formatCount(value, i18n.language)
  return (
    <div>
      <span className="font-semibold whitespace-nowrap">
        {t('sales.stockOf', { left: count(sale.stock_left), total: count(sale.stock_total) })}
      </span>
      <div aria-hidden="true" className="mt-1 h-1.5 overflow-hidden rounded-full bg-sunken">
        <div className="h-full rounded-full bg-ink" style={{ width: `${share * 100}%` }} />
      </div>
    </div>
  )
}
