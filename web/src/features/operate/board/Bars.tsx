import { useTranslation } from 'react-i18next'
import { formatCount } from '../ui/Figure'
import { barsOf } from './history'

/** Counts by name, the number beside each bar: the bar is for the eye only. */
export function Bars({ counts, group }: { counts: Record<string, number>; group: 'refusal' | 'order' }) {
  const { t, i18n } = useTranslation('operate')
  const bars = barsOf(counts)
  if (bars.length === 0) return <p className="text-muted">{t(`board.${group}None`)}</p>
  const words: Record<string, string | undefined> =
    group === 'refusal' ? t('refusal', { returnObjects: true }) : t('orderStatus', { returnObjects: true })
  return (
    <ul className="grid gap-3">
      {bars.map(({ name, count, share }) => (
        <li key={name}>
          <div className="flex items-baseline justify-between gap-4">
            <span>
              {words[name] ?? name} {words[name] && <code className="text-sm text-muted">{name}</code>}
            </span>
            <span className="figures font-semibold">{formatCount(count, i18n.language)}</span>
          </div>
          <div aria-hidden="true" className="mt-1 h-2 rounded-full bg-sunken">
            <div className="h-full min-w-1 rounded-full bg-ink" style={{ width: `${share * 100}%` }} />
          </div>
        </li>
      ))}
    </ul>
  )
}
