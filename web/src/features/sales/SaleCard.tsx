import type { Sale, SaleState } from '@/shared/api/types'
import { formatMoment } from '@/shared/lib/time'
import { Countdown } from '@/shared/ui/Countdown'
import { Tear } from '@/shared/ui/Tear'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { Price } from './Price'
import { SaleImage } from './SaleImage'
import { StateBadge } from './StateBadge'
import { StockBar } from './StockBar'

const DAY_MS = 86_400_000

/** A sale as a ticket: picture and title, and below the perforation what it costs and what is left. All of it is one link. */
export function SaleCard({ sale, state, nowMs }: { sale: Sale; state: SaleState; nowMs: number | null }) {
  const isOver = state === 'ended' || state === 'sold_out'
  return (
    <li className="ticket group relative flex flex-col overflow-hidden transition-shadow focus-within:ring-3 focus-within:ring-info hover:ring-2 hover:ring-ink">
      <div className={isOver ? 'opacity-60 grayscale-50' : ''}>
        <SaleImage sale={sale} />
      </div>
      <div className="flex flex-1 flex-col gap-2 p-4">
        <div className="flex flex-wrap items-center justify-between gap-x-3 gap-y-1">
          <StateBadge state={state} />
          <When sale={sale} state={state} nowMs={nowMs} />
        </div>
        <h3 className="text-lg font-semibold">
          <Link
            to={`/sales/${sale.sale_id}`}
            className="no-underline after:absolute after:inset-0 after:content-['']"
          >
            {sale.title}
          </Link>
        </h3>
      </div>
      <Tear />
      <div className="grid gap-3 p-4">
        <Price sale={sale} />
        <StockBar sale={sale} state={state} />
      </div>
    </li>
  )
}

function When({ sale, state, nowMs }: { sale: Sale; state: SaleState; nowMs: number | null }) {
  const { t, i18n } = useTranslation('sales')
  const moment = (ms: number): string => formatMoment(ms, i18n.language)
  const untilMs = state === 'scheduled' ? sale.starts_at_ms : sale.ends_at_ms
  const isNear = nowMs !== null && untilMs - nowMs < DAY_MS
  if (state === 'ended')
    return <span className="text-sm text-muted">{t('time.ended', { when: moment(sale.ends_at_ms) })}</span>
  if (state === 'scheduled' && isNear)
    return (
      <span className="text-sm font-semibold">
        {t('time.opensIn')} <Countdown untilMs={untilMs} className="ml-1 text-base" />
      </span>
    )
  return (
    <span className="text-sm text-muted">
      {t(state === 'scheduled' ? 'time.opensAt' : 'time.endsAt', { when: moment(untilMs) })}
    </span>
  )
}
