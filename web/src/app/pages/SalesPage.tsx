import { asState, SaleFilters } from '@/features/sales/SaleFilters'
import { SaleList } from '@/features/sales/SaleList'
import type { SalesFilter } from '@/features/sales/api/listSales'
import { Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'
import { useSearchParams } from 'react-router'

/** All sales; what is searched for stands in the address. */
export function SalesPage() {
  const { t } = useTranslation('sales')
  const [params, setParams] = useSearchParams()
  const filter: SalesFilter = { q: params.get('q') ?? '', state: asState(params.get('state')) }
  const change = ({ q, state }: SalesFilter): void =>
    setParams({ ...(q && { q }), ...(state && { state }) }, { replace: true })
  return (
    <Page title={t('title')} lead={t('lead')}>
      <SaleFilters filter={filter} onChange={change} />
      <SaleList filter={filter} onClear={() => change({ q: '', state: '' })} />
    </Page>
  )
}
