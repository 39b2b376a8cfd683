import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Mark } from './Mark'
import { useOutcome } from './outcome'

const GOOD_MS = 10_000

/** Over the page's lower edge, so that nothing on the page moves. Good news goes by itself, bad news stays. */
export function OutcomeBar() {
  const { t } = useTranslation()
  const { outcome, clear } = useOutcome()
  useEffect(() => {
    if (outcome?.tone !== 'good') return
    const timer = window.setTimeout(clear, GOOD_MS)
    return () => window.clearTimeout(timer)
  }, [outcome, clear])
  return (
    <div
      role="status"
      className="pointer-events-none fixed inset-x-0 bottom-0 z-30 flex justify-center px-4 pb-[max(1rem,env(safe-area-inset-bottom))]"
    >
      {outcome && (
        <div
          key={outcome.id}
          className="ticket pointer-events-auto flex w-full max-w-2xl items-center gap-3 py-1 pr-1 pl-4 shadow-lg"
        >
          <Mark isGood={outcome.tone === 'good'} />
          <p className="flex-1 py-2 font-semibold">{outcome.text}</p>
          <button
            type="button"
            onClick={clear}
            aria-label={t('action.close')}
            className="grid size-11 shrink-0 place-items-center rounded-lg text-xl hover:bg-sunken"
          >
            <span aria-hidden="true">{'×'}</span>
          </button>
        </div>
      )}
    </div>
  )
}
