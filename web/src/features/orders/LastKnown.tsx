import { formatMoment } from '@/shared/lib/time'
import { useTranslation } from 'react-i18next'

/** Of when this is, where it may be old. */
export function LastKnown({ atMs }: { atMs: number }) {
  const { t, i18n } = useTranslation()
  return (
    <p className="mb-4 rounded-lg bg-warn-soft px-4 py-2 font-semibold text-warn">
      {t('state.offlineSince', { when: formatMoment(atMs, i18n.language) })}
    </p>
  )
}
