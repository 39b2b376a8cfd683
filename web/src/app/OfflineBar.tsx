import { useOnline } from '@/shared/lib/useOnline'
import { useTranslation } from 'react-i18next'

/** Said once, above every page: what is shown may be old. */
export function OfflineBar() {
  const { t } = useTranslation()
  const isOnline = useOnline()
  return (
    <div
      role="status"
      className={isOnline ? 'sr-only' : 'bg-warn-soft px-4 py-2 text-center font-semibold text-warn'}
    >
      {isOnline ? '' : t('state.offline')}
    </div>
  )
}
