import { TextField } from '@/shared/ui/Field'
import { Notice } from '@/shared/ui/Notice'
import { useRef, useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useLogIn } from './api/logIn'
import { useFarewell } from './farewell'
import { FormProblem } from './FormProblem'
import { PasswordField } from './PasswordField'
import { SubmitButton } from './SubmitButton'
import { useWait } from './useWait'

export function LogInForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation('account')
  const farewell = useFarewell((state) => state.farewell)
  const logIn = useLogIn()
  const waitS = useWait(logIn.error)
  const name = useRef<HTMLInputElement>(null)
  const password = useRef<HTMLInputElement>(null)
  const [isTried, setTried] = useState(false)
  const [values, setValues] = useState({ username: '', password: '' })

  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (logIn.isPending || waitS > 0) return
    setTried(true)
    if (!values.username || !values.password) {
      ;(values.username ? password : name).current?.focus()
      return
    }
    logIn.mutate(values, { onSuccess: onDone })
  }

  // One sentence for both: whether a name exists is nobody's business.
  const isWrong = logIn.error?.status === 401 || logIn.error?.code === 'invalid_field'
  return (
    <form noValidate onSubmit={submit} className="grid gap-5">
      {farewell && !logIn.error && (
        <Notice
          tone={farewell === 'loggedOutHere' || farewell === 'perhapsRegistered' ? 'warn' : 'good'}
          isLive
        >
          {t(`farewell.${farewell}`)}
        </Notice>
      )}
      <FormProblem error={logIn.error} special={isWrong ? t('problem.wrong') : null} />
      <TextField
        ref={name}
        label={t('name.label')}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        autoCorrect="off"
        spellCheck={false}
        value={values.username}
        error={isTried && !values.username ? t('name.missing') : undefined}
        onChange={(event) => setValues({ ...values, username: event.target.value })}
      />
      <PasswordField
        ref={password}
        label={t('password.label')}
        name="password"
        autoComplete="current-password"
        value={values.password}
        error={isTried && !values.password ? t('password.missing') : undefined}
        onChange={(event) => setValues({ ...values, password: event.target.value })}
      />
      <SubmitButton label={t('logIn.submit')} isBusy={logIn.isPending} waitS={waitS} />
    </form>
  )
}
