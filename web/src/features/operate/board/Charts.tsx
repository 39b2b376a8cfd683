import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { Chart, type Line } from './Chart'
import type { Point } from './history'

/** Colours have their one meaning here too; the dashes tell the lines apart without them. */
export function Charts({ points }: { points: readonly Point[] }) {
  const { t } = useTranslation('operate')
  const times = useMemo(() => points.map((point) => point.atMs), [points])
  const lines = useMemo((): Record<'rates' | 'latency' | 'queue', Line[]> => {
    const of = (name: keyof Point): (number | null)[] => points.map((point) => point[name])
    return {
      rates: [
        { label: t('board.attempts'), color: '--info', dash: [], values: of('attempts') },
        { label: t('board.accepted'), color: '--good', dash: [10, 4], values: of('accepted') },
        { label: t('board.refusedRate'), color: '--bad', dash: [3, 3], values: of('refused') },
      ],
      latency: [
        { label: t('board.p50'), color: '--info', dash: [], values: of('p50Ms') },
        { label: t('board.p99'), color: '--warn', dash: [6, 4], values: of('p99Ms') },
      ],
      queue: [{ label: t('board.queue'), color: '--ink', dash: [], values: of('queueDepth') }],
    }
  }, [points, t])
  return (
    <div className="grid gap-6 lg:grid-cols-3">
      <Chart title={t('board.chartRates')} times={times} lines={lines.rates} />
      <Chart title={t('board.chartLatency')} times={times} lines={lines.latency} />
      <Chart title={t('board.chartQueue')} times={times} lines={lines.queue} />
    </div>
  )
}
