import { ApiError } from '@/shared/api/error'
import { Button } from '@/shared/ui/Button'
import { Dialog } from '@/shared/ui/Dialog'
import { Notice } from '@/shared/ui/Notice'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useFailureText, type Action } from './failure'
import { useOutcome } from './outcome'
import { useTellIfGone } from './useTellIfGone'

interface ConfirmProps {
  isOpen: boolean
  onClose: () => void
  title: string
  /** What will happen. */
  children: ReactNode
  label: string
  isDanger?: boolean
  action: Action
  run: () => Promise<unknown>
  /** What to say when it is done. */
  done: string
}

/**
 * Says what will happen before it does. A failure is told in the dialog, with what to do; it stays open for another try, and cannot be closed
 * before the answer is there.
 */
export function Confirm({ isOpen, onClose, title, children, ...rest }: ConfirmProps) {
  const [isBusy, setBusy] = useState(false)
  return (
    <Dialog isOpen={isOpen} onClose={() => !isBusy && onClose()} title={title}>
      <div className="grid gap-4">
        {children}
        <Decision onClose={onClose} isBusy={isBusy} onBusy={setBusy} {...rest} />
      </div>
    </Dialog>
  )
}

interface DecisionProps extends Omit<ConfirmProps, 'isOpen' | 'title' | 'children'> {
  isBusy: boolean
  onBusy: (isBusy: boolean) => void
}

function Decision(props: DecisionProps) {
  const { onClose, label, isDanger = false, action, run, done, isBusy, onBusy } = props
  const { t } = useTranslation()
  const failureText = useFailureText()
  const say = useOutcome((state) => state.say)
  const tellIfGone = useTellIfGone(action)
  const [failure, setFailure] = useState<string | null>(null)

  async function decide(): Promise<void> {
    onBusy(true)
    setFailure(null)
    try {
      await run()
      say('good', done)
      onClose()
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      setFailure(failureText(action, error))
      tellIfGone(error)
    } finally {
      onBusy(false)
    }
  }

  return (
    <>
      {failure && (
        <Notice tone="bad" isLive>
          {failure}
        </Notice>
      )}
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose} disabled={isBusy}>
          {t('action.cancel')}
        </Button>
        <Button tone={isDanger ? 'danger' : 'primary'} isBusy={isBusy} onClick={() => void decide()}>
          {label}
        </Button>
      </div>
    </>
  )
}
