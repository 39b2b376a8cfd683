import { TextField } from '@/shared/ui/Field'
import { useRef, useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useLogIn, type Credentials } from './api/logIn'
import { useRegister } from './api/register'
import { sayFarewell } from './farewell'
import { FormProblem } from './FormProblem'
import { nameFault, newPasswordFault } from './model'
import { PasswordField } from './PasswordField'
import { SubmitButton } from './SubmitButton'
import { useWait } from './useWait'

/** Makes the account and logs in with it; `onMade` if only the first could be done. */
export function RegisterForm({ onDone, onMade }: { onDone: () => void; onMade: () => void }) {
  const { t } = useTranslation('account')
  const register = useRegister()
  const logIn = useLogIn()
  const waitS = useWait(register.error)
  const name = useRef<HTMLInputElement>(null)
  const password = useRef<HTMLInputElement>(null)
  const [isTried, setTried] = useState(false)
  const [isTaken, setTaken] = useState(false)
  const [values, setValues] = useState<Credentials>({ username: '', password: '' })
  const faults = { name: nameFault(values.username), password: newPasswordFault(values.password) }

  const taken = (): void => {
    setTaken(true)
    name.current?.focus()
  }
  const enter = (isCertain: boolean): void =>
    logIn.mutate(values, {
      onSuccess: onDone,
      onError: (error) => {
        if (!isCertain && error.status === 401) taken()
        else {
          sayFarewell(isCertain ? 'registered' : 'perhapsRegistered')
          onMade()
        }
      },
    })
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (register.isPending || logIn.isPending || waitS > 0) return
    setTried(true)
    if (faults.name ?? faults.password) {
      ;(faults.name ? name : password).current?.focus()
      return
    }
    register.mutate(values, {
      onSuccess: ({ isCertain }) => enter(isCertain),
      onError: (error) => {
        if (error.code === 'username_taken') taken()
      },
    })
  }

  const nameError = isTaken ? t('name.taken') : isTried && faults.name ? t(`name.${faults.name}`) : undefined
  return (
    <form noValidate onSubmit={submit} className="grid gap-5">
      <FormProblem error={register.error?.code === 'username_taken' ? null : register.error} />
      <TextField
        ref={name}
        label={t('name.label')}
        hint={t('name.rule')}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        autoCorrect="off"
        spellCheck={false}
        value={values.username}
        error={nameError}
        onChange={(event) => {
          setTaken(false)
          setValues({ ...values, username: event.target.value })
        }}
      />
      <PasswordField
        ref={password}
        label={t('password.label')}
        hint={t('password.rule')}
        name="password"
        autoComplete="new-password"
        value={values.password}
        error={isTried && faults.password ? t(`password.${faults.password}`) : undefined}
        onChange={(event) => setValues({ ...values, password: event.target.value })}
      />
      <SubmitButton
        label={t('register.submit')}
        isBusy={register.isPending || logIn.isPending}
        waitS={waitS}
      />
    </form>
  )
}
