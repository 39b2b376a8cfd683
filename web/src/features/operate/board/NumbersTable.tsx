import { useTranslation } from 'react-i18next'
import { formatCount } from '../ui/Figure'
import { Records, type Column } from '../ui/Records'
import { tableOf, type Point } from './history'

const STEP_MS = 10_000
const ROWS_MAX = 30
const names = ['attempts', 'accepted', 'refused', 'p50Ms', 'p99Ms', 'queueDepth', 'stockLeft'] as const

/** The charts in numbers. */
export function NumbersTable({ points }: { points: readonly Point[] }) {
  const { t, i18n } = useTranslation('operate')
  const clock = new Intl.DateTimeFormat(i18n.language, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  })
  const columns: Column<Point>[] = [
    { key: 'time', head: t('board.time'), cell: (point) => clock.format(point.atMs) },
    ...names.map((name): Column<Point> => ({
      key: name,
      head: t(`board.column.${name}`),
      cell: ({ [name]: value }) => (value === null ? t('board.unknown') : formatCount(value, i18n.language)),
      isNumber: true,
    })),
  ]
  return (
    <details className="mt-4">
      <summary className="py-2.5 font-semibold">{t('board.table')}</summary>
      <p className="mb-2 text-sm text-muted">{t('board.tableCaption')}</p>
      <Records
        isBare
        caption={t('board.table')}
        rows={tableOf(points, STEP_MS, ROWS_MAX)}
        rowKey={(point) => String(Math.floor(point.atMs / STEP_MS))}
        columns={columns}
      />
    </details>
  )
}
