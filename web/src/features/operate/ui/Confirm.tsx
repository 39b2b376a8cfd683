import { ApiError } from '@/shared/api/error'
import { Button } from '@/shared/ui/Button'
import { Dialog } from '@/shared/ui/Dialog'
import { Notice } from '@/shared/ui/Notice'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useFailureText, type Action } from './failure'
import { useOutcome } from './outcome'

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

/** Says what will happen before it does. A failure is told in the dialog, with what to do; it stays open for another try. */
export function Confirm({ isOpen, onClose, title, children, ...rest }: ConfirmProps) {
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title={title}>
      <div className="grid gap-4">
        {children}
        <Decision onClose={onClose} {...rest} />
      </div>
    </Dialog>
  )
}

type DecisionProps = Omit<ConfirmProps, 'isOpen' | 'title' | 'children'>

function Decision({ onClose, label, isDanger = false, action, run, done }: DecisionProps) {
  const { t } = useTranslation()
  const failureText = useFailureText()
  const say = useOutcome((state) => state.say)
  const [isBusy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)

  async function decide(): Promise<void> {
    setBusy(true)
    setFailure(null)
    try {
      await run()
      say('good', done)
      onClose()
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      setFailure(failureText(action, error))
      setBusy(false)
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
        <Button onClick={onClose}>{t('action.cancel')}</Button>
        <Button tone={isDanger ? 'danger' : 'primary'} isBusy={isBusy} onClick={() => void decide()}>
          {label}
        </Button>
      </div>
    </>
  )
}
