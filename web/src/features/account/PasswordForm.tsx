import { sessionQuery } from '@/shared/api/session'
import { useQueryClient } from '@tanstack/react-query'
import { useRef, useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useChangePassword } from './api/changePassword'
import { leave } from './api/logOut'
import { FormProblem } from './FormProblem'
import { newPasswordFault } from './model'
import { PasswordField } from './PasswordField'
import { SubmitButton } from './SubmitButton'
import { useWait } from './useWait'

const nothing = { current_password: '', new_password: '' }

/** A new password; then everybody who is logged in with the old one has to log in again, this tab too. */
export function PasswordForm({ username }: { username: string }) {
  const { t } = useTranslation('account')
  const client = useQueryClient()
  const change = useChangePassword()
  const waitS = useWait(change.error)
  const current = useRef<HTMLInputElement>(null)
  const next = useRef<HTMLInputElement>(null)
  const [isTried, setTried] = useState(false)
  const [values, setValues] = useState(nothing)
  const fault = newPasswordFault(values.new_password)
  const isSame = values.new_password !== '' && values.new_password === values.current_password

  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (change.isPending || waitS > 0) return
    setTried(true)
    if (!values.current_password || fault || isSame) {
      ;(values.current_password ? next : current).current?.focus()
      return
    }
    change.mutate(values, {
      onSuccess: () => void leave(client, 'passwordChanged'),
      onError: (error) => {
        // Wrong password or ended session? The session knows; the pages follow it to the log-in if it is over.
        if (error.status === 401) void client.invalidateQueries({ queryKey: sessionQuery.queryKey })
      },
    })
  }

  const nextError = fault ? t(`password.${fault}`) : isSame ? t('password.same') : undefined
  return (
    <form noValidate onSubmit={submit} className="grid max-w-md gap-5">
      <FormProblem
        error={change.error}
        special={change.error?.status === 401 ? t('problem.currentWrong') : null}
      />
      {/* For password managers: whose password this is. */}
      <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
      <PasswordField
        ref={current}
        label={t('password.current')}
        name="current-password"
        autoComplete="current-password"
        value={values.current_password}
        error={isTried && !values.current_password ? t('password.missing') : undefined}
        onChange={(event) => setValues({ ...values, current_password: event.target.value })}
      />
      <PasswordField
        ref={next}
        label={t('password.new')}
        hint={t('password.rule')}
        name="new-password"
        autoComplete="new-password"
        value={values.new_password}
        error={isTried ? nextError : undefined}
        onChange={(event) => setValues({ ...values, new_password: event.target.value })}
      />
      <SubmitButton label={t('change.submit')} isBusy={change.isPending} waitS={waitS} />
    </form>
  )
}
