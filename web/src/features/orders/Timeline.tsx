import type { Order } from '@/shared/api/types'
import { formatInstant } from '@/shared/lib/time'
import { Panel } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'
import { knownActor, knownEvent } from './model'

/** What happened, from the messages themselves; what this page does not know is shown as it is. */
export function Timeline({ order }: { order: Order }) {
  const { t, i18n } = useTranslation('orders')
  return (
    <Panel title={t('timeline.title')}>
      <ol className="ml-1.5 border-l-2 border-line">
        {order.timeline.map((entry, index) => {
          const event = knownEvent(entry.event)
          const actor = knownActor(entry.actor)
          return (
            <li key={index} className="group relative pb-5 pl-6 last:pb-0">
              <span
                aria-hidden="true"
                className="absolute top-1.5 -left-[7px] size-3 rounded-full border-2 border-edge bg-card group-last:border-ink group-last:bg-ink"
              />
              <p className="font-semibold">
                {event ? t(`timeline.event.${event}`) : <code>{entry.event}</code>}
              </p>
              <p className="figures text-sm text-muted">
                <time dateTime={new Date(entry.at_ms).toISOString()}>
                  {formatInstant(entry.at_ms, i18n.language)}
                </time>
                {' · '}
                {actor ? t(`timeline.actor.${actor}`) : t('timeline.operator', { name: entry.actor })}
              </p>
            </li>
          )
        })}
      </ol>
    </Panel>
  )
}
