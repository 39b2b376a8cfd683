import { formatMoment } from '@/shared/lib/time'
import { ButtonLink } from '@/shared/ui/Button'
import { Empty, Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useSales } from '../api/listSales'
import type { OperatorSale } from '../api/types'
import { formatCount } from '../ui/Figure'
import { Pages } from '../ui/Pages'
import { Records, type Column } from '../ui/Records'
import { stepsOf } from './rules'
import { StateBadge } from './StateBadge'
import { StepButton } from './StepButton'
import { StockBar } from './StockBar'

export function SalesList() {
  const { t } = useTranslation('operate')
  const query = useSales()
  const columns = useColumns()
  const sales = query.data?.pages.flatMap((page) => page.sales) ?? []
  return (
    <Page
      title={t('sales.title')}
      lead={t('sales.lead')}
      actions={
        <ButtonLink to="/operate/sales/new" tone="primary">
          {t('form.new')}
        </ButtonLink>
      }
    >
      <Pages query={query}>
        {sales.length === 0 ? (
          <Empty title={t('sales.none')}>{t('sales.noneText')}</Empty>
        ) : (
          <Records
            caption={t('sales.title')}
            rows={sales}
            rowKey={(sale) => sale.sale_id}
            columns={columns}
          />
        )}
      </Pages>
    </Page>
  )
}

function useColumns(): Column<OperatorSale>[] {
  const { t, i18n } = useTranslation('operate')
  return [
    { key: 'title', head: t('sales.sale'), cell: (sale) => <Name sale={sale} /> },
    { key: 'state', head: t('sales.state'), cell: (sale) => <StateBadge sale={sale} /> },
    { key: 'stock', head: t('sales.stock'), cell: (sale) => <StockBar sale={sale} />, isNumber: true },
    {
      key: 'sold',
      head: t('sales.sold'),
      cell: (sale) => formatCount(sale.sold, i18n.language),
      isNumber: true,
    },
    { key: 'when', head: t('sales.when'), cell: (sale) => <When sale={sale} /> },
    {
      key: 'version',
      head: t('sales.version'),
      cell: (sale) => (
        <span className="whitespace-nowrap">
          {t('sales.versionOf', { version: sale.version, epoch: sale.epoch })}
        </span>
      ),
      isNumber: true,
    },
    { key: 'step', head: t('sales.next'), cell: (sale) => <NextStep sale={sale} />, isAction: true },
  ]
}

function Name({ sale }: { sale: OperatorSale }) {
  const { t } = useTranslation('operate')
  return (
    <>
      <Link to={`/operate/sales/${sale.sale_id}`} className="font-display text-lg leading-snug font-semibold">
        {sale.title}
      </Link>
      <div className="text-sm text-muted">
        {t('sales.number', { id: sale.sale_id })}
        {sale.product_id && ` · ${sale.product_id}`}
      </div>
    </>
  )
}

function When({ sale }: { sale: OperatorSale }) {
  const { t, i18n } = useTranslation('operate')
  return (
    <span className="text-sm md:whitespace-nowrap">
      {t('sales.from', { when: formatMoment(sale.starts_at_ms, i18n.language) })}
      <br />
      {t('sales.to', { when: formatMoment(sale.ends_at_ms, i18n.language) })}
    </span>
  )
}

/** The usual next thing, on the row; ending is on the sale's own page. */
function NextStep({ sale }: { sale: OperatorSale }) {
  const [step] = stepsOf(sale.state)
  if (!step || step === 'end') return null
  return <StepButton sale={sale} step={step} isQuiet />
}
