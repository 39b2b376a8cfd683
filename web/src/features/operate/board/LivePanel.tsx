import { Notice } from '@/shared/ui/Notice'
import { Loading, Panel } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { OperatorSale } from '../api/types'
import { Figure, formatCount } from '../ui/Figure'
import { Stale } from '../ui/Pages'
import { useBoard, type Board } from './api/getStats'
import { Bars } from './Bars'
import { Charts } from './Charts'
import { pointsOf, type Point } from './history'
import { NumbersTable } from './NumbersTable'

export function LivePanel({ sale }: { sale: OperatorSale }) {
  const { t } = useTranslation('operate')
  const query = useBoard(sale.sale_id)
  if (query.data) return <Live sale={sale} board={query.data} stale={<Stale error={query.error} />} />
  if (query.error?.status === 404)
    return (
      <Notice tone="info" title={t('board.noStatsTitle')}>
        {t('board.noStats')}
      </Notice>
    )
  if (query.error) return <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />
  return <Loading rows={1} className="h-96" />
}

function Live({ sale, board, stale }: { sale: OperatorSale; board: Board; stale: React.ReactNode }) {
  const { t } = useTranslation('operate')
  const points = useMemo(() => pointsOf(board.samples), [board.samples])
  return (
    <>
      {stale}
      <Panel title={t('board.now')}>
        <Figures sale={sale} board={board} point={points.at(-1)} />
        <div className="perforated mt-5 pt-5">
          <Charts points={points} />
          <NumbersTable points={points} />
        </div>
      </Panel>
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <Panel title={t('board.refused')}>
          <Bars counts={board.stats.refused} group="refusal" />
        </Panel>
        <Panel title={t('board.orders')}>
          <Bars counts={board.stats.orders} group="order" />
        </Panel>
      </div>
    </>
  )
}

function Figures({ sale, board, point }: { sale: OperatorSale; board: Board; point: Point | undefined }) {
  const { t, i18n } = useTranslation('operate')
  const { stats } = board
  const count = (value: number): string => formatCount(value, i18n.language)
  const perSecond = (value: number | null | undefined) =>
    value === null || value === undefined ? t('board.unknown') : t('board.perSecond', { value: count(value) })
  const millis = (value: number) =>
    value === 0 ? t('board.unknown') : t('board.ms', { value: count(value) })
  const refused = Object.values(stats.refused).reduce((sum, value) => sum + value, 0)
  return (
    <dl className="grid grid-cols-2 gap-x-4 gap-y-5 sm:grid-cols-4">
      <Figure
        label={t('board.stockLeft')}
        value={count(stats.stock_left)}
        note={t('board.of', { total: count(sale.stock_total) })}
      />
      <Figure
        label={t('board.attempts')}
        value={perSecond(point?.attempts)}
        note={t('board.inAll', { total: count(stats.attempts) })}
      />
      <Figure
        label={t('board.accepted')}
        value={perSecond(point?.accepted)}
        note={t('board.inAll', { total: count(stats.accepted) })}
      />
      <Figure
        label={t('board.refusedRate')}
        value={perSecond(point?.refused)}
        note={t('board.inAll', { total: count(refused) })}
      />
      <Figure label={t('board.p50')} value={millis(stats.p50_ms)} note={t('board.p50Note')} />
      <Figure label={t('board.p99')} value={millis(stats.p99_ms)} note={t('board.p99Note')} />
      <Figure label={t('board.queue')} value={count(stats.queue_depth)} note={t('board.queueNote')} />
      <Figure label={t('sales.sold')} value={count(sale.sold)} note={t('board.soldNote')} />
    </dl>
  )
}
