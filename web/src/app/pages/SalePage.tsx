import { BuyPanel } from '@/features/purchase/BuyPanel'
import { useSale } from '@/features/sales/api/getSale'
import { SaleSkeleton, SaleView } from '@/features/sales/SaleView'
import { useFirstProblem } from '@/features/sales/useFirstProblem'
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
import { useAskAgain } from '../useAskAgain'

/** One sale, from long before the opening to long after the end. */
export function SalePage() {
  const { saleId = '' } = useParams()
  return <OneSale key={saleId} saleId={saleId} />
}

function OneSale({ saleId }: { saleId: string }) {
  const { t } = useTranslation('sales')
  const query = useSale(saleId)
  const { data, isError, dataUpdatedAt, refetch } = query
  const session = useSession()
  // Who is here is not known while it cannot be asked: somebody with an attempt under way must not be told to log in.
  useAskAgain(session.isPending ? null : session.error, session.retry)
  const sale = data?.data
  useSaleDescription(sale)
  const error = useFirstProblem(query)
  if (!sale && error) {
    const isGone = isCode(error, 'unknown_sale', 'not_found')
    return (
      <Page
        title={t(isGone ? 'page.gone' : 'page.loading')}
        lead={isGone ? t('page.goneText') : undefined}
        actions={<ButtonLink to="/">{t('page.all')}</ButtonLink>}
      >
        {!isGone && <ProblemNotice error={error} onRetry={() => void refetch()} isAskedAgain />}
      </Page>
    )
  }
  return (
    <Page title={sale?.title ?? t('page.loading')} lead={<LastKnown atMs={isError ? dataUpdatedAt : 0} />}>
      {sale ? (
        <SaleView
          sale={sale}
          buy={(state) => (
            <BuyPanel
              sale={sale}
              state={state}
              user={session.user}
              isUserPending={session.isPending || session.error !== null}
            />
          )}
        />
      ) : (
        <SaleSkeleton />
      )}
    </Page>
  )
}

/** Its line is always there, so that the buy button below does not move. */
function LastKnown({ atMs }: { atMs: number }) {
  const { t, i18n } = useTranslation('sales')
  const isOnline = useOnline()
  const isTold = isOnline && atMs > 0 // offline, the bar above says it
  return (
    <p role="status" className="min-h-6 font-semibold text-warn">
      {isTold && t('page.lastKnown', { when: formatMoment(atMs, i18n.language) })}
    </p>
  )
}
