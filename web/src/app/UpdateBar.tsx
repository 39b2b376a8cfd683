import { Button } from '@/shared/ui/Button'
import { useTranslation } from 'react-i18next'
import { useUpdate } from './serviceWorker'

/** A newer version waits. It lies over the page's end, so that nothing moves when it comes. */
export function UpdateBar() {
  const { t } = useTranslation()
  const apply = useUpdate((state) => state.apply)
  return (
    <div role="status" className="fixed inset-x-0 bottom-4 z-30 flex justify-center px-4 empty:hidden">
      {apply && (
        <div className="ticket flex flex-wrap items-center gap-x-6 gap-y-2 px-5 py-3 shadow-xl">
          <p className="font-semibold">{t('state.update')}</p>
          <Button tone="primary" onClick={apply}>
            {t('action.reload')}
          </Button>
        </div>
      )}
    </div>
  )
}
