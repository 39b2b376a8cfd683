import { useTranslation } from 'react-i18next'
import { useSaleTitle } from './api/saleTitle'

export function SaleTitle({ saleId }: { saleId: string }) {
  const { t } = useTranslation('orders')
  return <>{useSaleTitle(saleId) ?? t('sale', { id: saleId })}</>
}
