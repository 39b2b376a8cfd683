import { useTranslation } from 'react-i18next'
import { Mark } from '../ui/Mark'
import type { Group } from './crew'

/** All kinds in one line, each a way to its panel. */
export function Overview({ groups }: { groups: readonly Group[] }) {
  const { t } = useTranslation('operate')
  return (
    <ul aria-label={t('actors.overview')} className="ticket mb-5 flex flex-wrap gap-x-2 px-3 py-2">
      {groups.map(({ kind, ready, count }) => (
        <li key={kind}>
          <a
            href={`#kind-${kind}`}
            className="inline-flex min-h-11 items-center gap-2 rounded-lg px-3 font-semibold hover:bg-sunken"
          >
            <Mark isGood={ready === count && count > 0} className="size-5" />
            {t(`kind.${kind}.name`)}
            <span className="figures text-muted">{t('actors.readyShort', { ready, count })}</span>
          </a>
        </li>
      ))}
    </ul>
  )
}
