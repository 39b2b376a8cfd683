import type { Sale } from '@/shared/api/types'
import { formatMoment } from '@/shared/lib/time'
import { useOnline } from '@/shared/lib/useOnline'
import { useServerClockRunning } from '@/shared/lib/useServerClockRunning'
import { Button } from '@/shared/ui/Button'
import { Empty, Skeleton } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { useTranslation } from 'react-i18next'
import { useSales, type SalesFilter } from './api/listSales'
import { groups, groupSales, stateAt } from './model'
import { SaleCard } from './SaleCard'
import { useFirstProblem } from './useFirstProblem'
import { useNextChange } from './useSaleState'

const grid = 'grid gap-5 sm:grid-cols-2 lg:grid-cols-3'

/** All sales that match, by what a shopper can do with them now. */
export function SaleList({ filter, onClear }: { filter: SalesFilter; onClear: () => void }) {
  const query = useSales(filter)
  useServerClockRunning()
  const problem = useFirstProblem(query)
  if (problem) return <ProblemNotice error={problem} onRetry={() => void query.refetch()} isAskedAgain />
  if (!query.data) return <ListSkeleton />
  const sales = query.data.pages.flatMap((page) => page.data.sales)
  return (
    <>
      <Told
        count={sales.length}
        hasMore={query.hasNextPage}
        failedSinceMs={query.isError ? query.dataUpdatedAt : null}
      />
      {sales.length === 0 ? (
        <Nothing isFiltered={filter.q !== '' || filter.state !== ''} onClear={onClear} />
      ) : (
        <Groups sales={sales} />
      )}
      {query.hasNextPage && (
        <MoreButton isBusy={query.isFetchingNextPage} onMore={() => void query.fetchNextPage()} />
      )}
    </>
  )
}

function Groups({ sales }: { sales: readonly Sale[] }) {
  const { t } = useTranslation('sales')
  const nowMs = useNextChange(sales)
  const grouped = groupSales(sales, nowMs)
  return groups
    .filter((group) => grouped[group].length > 0)
    .map((group) => (
      <section key={group} aria-labelledby={`group-${group}`} className="mb-10">
        <h2 id={`group-${group}`} className="mb-4 flex items-baseline gap-3 text-2xl font-bold">
          {t(`group.${group}`)}
          <span className="figures text-base font-normal text-muted">{grouped[group].length}</span>
        </h2>
        <ul className={grid}>
          {grouped[group].map((sale) => (
            <SaleCard key={sale.sale_id} sale={sale} state={stateAt(sale, nowMs)} nowMs={nowMs} />
          ))}
        </ul>
      </section>
    ))
}

/** How many, for readers as well; and how old, when the shop does not answer. Its line is always there: nothing moves. */
function Told({
  count,
  hasMore,
  failedSinceMs,
}: {
  count: number
  hasMore: boolean
  failedSinceMs: number | null
}) {
  const { t, i18n } = useTranslation('sales')
  const isOnline = useOnline()
  return (
    <p role="status" className="mb-4 min-h-6 text-muted">
      {count > 0 && t(hasMore ? 'filter.more' : 'filter.found', { count })}
      {failedSinceMs !== null && isOnline && (
        <span className="ml-3 font-semibold text-warn">
          {t('page.lastKnown', { when: formatMoment(failedSinceMs, i18n.language) })}
        </span>
      )}
    </p>
  )
}

function Nothing({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }) {
  const { t } = useTranslation('sales')
  return (
    <Empty title={t(isFiltered ? 'empty.noMatch' : 'empty.title')}>
      <p>{t(isFiltered ? 'empty.noMatchText' : 'empty.text')}</p>
      {isFiltered && (
        <Button className="mt-4" onClick={onClear}>
          {t('filter.clear')}
        </Button>
      )}
    </Empty>
  )
}

function MoreButton({ isBusy, onMore }: { isBusy: boolean; onMore: () => void }) {
  const { t } = useTranslation()
  return (
    <div className="grid place-items-center">
      <Button isBusy={isBusy} onClick={onMore} className="min-w-48">
        {t('action.more')}
      </Button>
    </div>
  )
}

function ListSkeleton() {
  const { t } = useTranslation()
  return (
    <div role="status" className={`mt-20 ${grid}`}>
      <span className="sr-only">{t('state.loading')}</span>
      {[0, 1, 2].map((index) => (
        <Skeleton key={index} className="h-[26rem]" />
      ))}
    </div>
  )
}
