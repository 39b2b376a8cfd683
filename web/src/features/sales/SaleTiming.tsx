import type { Sale, SaleState } from '@/shared/api/types'
import { formatMoment } from '@/shared/lib/time'
import { Countdown } from '@/shared/ui/Countdown'
import { useTranslation } from 'react-i18next'

/** The stub of the ticket: how long until it opens or closes. The same height in every state, so that the opening moves nothing. */
export function SaleTiming({ sale, state }: { sale: Sale; state: SaleState }) {
  const { t, i18n } = useTranslation('sales')
  const moment = (ms: number): string => formatMoment(ms, i18n.language)
  return (
    <div className="min-h-[6.25rem] sm:min-h-[6.75rem]">
      {state === 'scheduled' && (
        <Running
          key="opens"
          name={t('time.opensIn')}
          untilMs={sale.starts_at_ms}
          isPrecise
          text={t('time.opensAt', { when: moment(sale.starts_at_ms) })}
        />
      )}
      {state === 'live' && (
        <Running
          key="ends"
          name={t('time.endsIn')}
          untilMs={sale.ends_at_ms}
          text={t('time.endsAt', { when: moment(sale.ends_at_ms) })}
        />
      )}
      {state === 'paused' && <Resting title={t('state.paused')} text={t('time.paused')} />}
      {state === 'sold_out' && (
        <Resting title={t('time.soldOut')} text={t('time.endsAt', { when: moment(sale.ends_at_ms) })} />
      )}
      {state === 'ended' && (
        <Resting title={t('time.over')} text={t('time.ended', { when: moment(sale.ends_at_ms) })} />
      )}
    </div>
  )
}

function Running({
  name,
  untilMs,
  text,
  isPrecise = false,
}: {
  name: string
  untilMs: number
  text: string
  isPrecise?: boolean
}) {
  return (
    <>
      <p className="font-semibold text-muted">{name}</p>
      <p className="min-h-12 text-[2.6rem] leading-[1.15] font-bold sm:min-h-14 sm:text-[3.2rem]">
        <Countdown
          untilMs={untilMs}
          mode={isPrecise ? 'precise' : 'calm'}
          isSpoken={isPrecise}
          className="data-days:text-[0.62em]"
        />
      </p>
      <p className="text-sm text-muted">{text}</p>
    </>
  )
}

function Resting({ title, text }: { title: string; text: string }) {
  return (
    <>
      <p className="font-display text-3xl leading-tight font-bold">{title}</p>
      <p className="mt-2 text-sm text-muted">{text}</p>
    </>
  )
}
