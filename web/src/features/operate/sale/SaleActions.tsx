import { Button, ButtonLink } from '@/shared/ui/Button'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { OperatorSale } from '../api/types'
import { canChangeStock, stepsOf } from './rules'
import { StepButton } from './StepButton'
import { StockDialog } from './StockDialog'

/** All that can be done with a sale, by its state. */
export function SaleActions({ sale }: { sale: OperatorSale }) {
  const { t } = useTranslation('operate')
  const [isStockOpen, setStockOpen] = useState(false)
  const steps = stepsOf(sale.state)
  return (
    <>
      {steps.map((step) => (
        <StepButton key={step} sale={sale} step={step} />
      ))}
      {canChangeStock(sale.state) && (
        <>
          <Button onClick={() => setStockOpen(true)}>{t('stock.open')}</Button>
          <ButtonLink to={`/operate/sales/${sale.sale_id}/edit`}>{t('form.edit')}</ButtonLink>
        </>
      )}
      <StockDialog sale={sale} isOpen={isStockOpen} onClose={() => setStockOpen(false)} />
    </>
  )
}
