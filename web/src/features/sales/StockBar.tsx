import type { Sale, SaleState } from '@/shared/api/types'
import { useTranslation } from 'react-i18next'
import { stockShare } from './model'

const FEW_SHARE = 0.15

function barTone(state: SaleState, share: number): string {
  if (state === 'ended') return 'bg-edge'
  return share <= FEW_SHARE ? 'bg-signal' : 'bg-good'
}

/** What is left, in words and as a bar. As last seen by the server: no countdown drama. */
export function StockBar({
  sale,
  state,
}: {
  sale: Pick<Sale, 'stock_left' | 'stock_total'>
  state: SaleState
}) {
  const { t, i18n } = useTranslation('sales')
  const number = (value: number): string => new Intl.NumberFormat(i18n.language).format(value)
  const values = { left: number(sale.stock_left), total: number(sale.stock_total) }
  const share = stockShare(sale.stock_left, sale.stock_total)
  const isGone = state === 'sold_out' || sale.stock_left <= 0
  const text = isGone ? t('stock.none') : t(state === 'scheduled' ? 'stock.allLeft' : 'stock.left', values)
  return (
    <div>
      <p className="figures text-sm font-semibold">
        {text}
        {state === 'sold_out' && (
          <span className="ml-1.5 font-sans font-normal text-muted">{t('stock.returns')}</span>
        )}
      </p>
      <div
        role="img"
        aria-label={t('stock.label', isGone ? { ...values, left: number(0) } : values)}
        className="mt-1.5 h-2 overflow-hidden rounded-full bg-sunken ring-1 ring-line ring-inset"
      >
        <div
          className={`h-full origin-left rounded-full transition-transform duration-500 ${barTone(state, share)}`}
          style={{ transform: `scaleX(${isGone ? 0 : share})` }}
        />
      </div>
    </div>
  )
}
