import { BuyPanel } from '@/features/purchase/BuyPanel'
import { useSale } from '@/features/sales/api/getSale'
import { SaleSkeleton, SaleView } from '@/features/sales/SaleView'
import { useSaleDescription } from '@/features/sales/useSaleDescription'
import { isCode } from '@/shared/api/error'
import { useSession } from '@/shared/api/session'
import { formatMoment } from '@/shared/lib/time'
import { useOnline } from '@/shared/lib/useOnline'
import { ButtonLink } from '@/shared/ui/Button'
import { Page } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { useTranslation } from 'react-i18next'
import { useParams } from 'react-router'

/** One sale, from long before the opening to long after the end. */
export function SalePage() {
  const { saleId = '' } = useParams()
  return <OneSale key={saleId} saleId={saleId} />
}

function OneSale({ saleId }: { saleId: string }) {
  const { t } = useTranslation('sales')
  const { data, error, isError, dataUpdatedAt, refetch } = useSale(saleId)
  const { user, isPending } = useSession()
  const sale = data?.data
  useSaleDescription(sale)
  if (!sale && error) {
    const isGone = isCode(error, 'unknown_sale', 'not_found')
    return (
      <Page
        title={t(isGone ? 'page.gone' : 'page.loading')}
        lead={isGone ? t('page.goneText') : undefined}
        actions={<ButtonLink to="/">{t('page.all')}</ButtonLink>}
      >
        {!isGone && <ProblemNotice error={error} onRetry={() => void refetch()} />}
      </Page>
    )
  }
  return (
    <Page title={sale?.title ?? t('page.loading')} lead={isError && <LastKnown atMs={dataUpdatedAt} />}>
      {sale ? (
        <SaleView
          sale={sale}
          buy={(state) => <BuyPanel sale={sale} state={state} user={user} isUserPending={isPending} />}
        />
      ) : (
        <SaleSkeleton />
      )}
    </Page>
  )
}

function LastKnown({ atMs }: { atMs: number }) {
  const { t, i18n } = useTranslation('sales')
  const isOnline = useOnline()
  if (!isOnline || atMs === 0) return null // the bar above says it
  return (
    <span role="status" className="font-semibold text-warn">
      {t('page.lastKnown', { when: formatMoment(atMs, i18n.language) })}
    </span>
  )
}
