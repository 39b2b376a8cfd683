import { Loading, Page, Panel } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { useTranslation } from 'react-i18next'
import { useParams } from 'react-router'
import { useSale } from '../api/getSale'
import type { OperatorSale } from '../api/types'
import { SaleActions } from '../sale/SaleActions'
import { StateBadge } from '../sale/StateBadge'
import { Stale } from '../ui/Pages'
import { AuditPanel } from './AuditPanel'
import { Facts } from './Facts'
import { LivePanel } from './LivePanel'

/** A sale while it runs: what happens, what can be done, whether the books are right. */
export function BoardPage() {
  const { t } = useTranslation('operate')
  const { saleId = '' } = useParams()
  const query = useSale(saleId)
  const sale = query.data
  if (!sale)
    return (
      <Page title={t('board.title')}>
        {query.error ? (
          <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <Loading />
        )}
      </Page>
    )
  return (
    <Page title={sale.title} lead={<Lead sale={sale} />} actions={<SaleActions sale={sale} />}>
      <Stale error={query.error} />
      <div className="grid gap-5">
        {sale.state !== 'draft' && <LivePanel sale={sale} />}
        <div className="grid items-start gap-5 lg:grid-cols-[3fr_2fr]">
          <AuditPanel saleId={sale.sale_id} />
          <Panel title={t('board.facts')}>
            <Facts sale={sale} />
          </Panel>
        </div>
      </div>
    </Page>
  )
}

function Lead({ sale }: { sale: OperatorSale }) {
  const { t } = useTranslation('operate')
  return (
    <span className="inline-flex flex-wrap items-center gap-2">
      <StateBadge sale={sale} />
      {t('sales.number', { id: sale.sale_id })}
      {sale.recovering && <span>{t('board.recovering')}</span>}
    </span>
  )
}
