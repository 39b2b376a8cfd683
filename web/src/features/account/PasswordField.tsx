import { TextField } from '@/shared/ui/Field'
import { forwardRef, useState, type ComponentProps } from 'react'
import { useTranslation } from 'react-i18next'

type Props = Omit<ComponentProps<typeof TextField>, 'type'>

/** A password, which its owner may look at. */
export const PasswordField = forwardRef<HTMLInputElement, Props>(function PasswordField(props, ref) {
  const { t } = useTranslation('account')
  const [isShown, setShown] = useState(false)
  return (
    <div className="relative">
      <TextField
        {...props}
        ref={ref}
        type={isShown ? 'text' : 'password'}
        autoCapitalize="none"
        autoCorrect="off"
        spellCheck={false}
      />
      <button
        type="button"
        aria-label={isShown ? t('password.hideTyped') : t('password.showTyped')}
        onClick={() => setShown(!isShown)}
        className="absolute -top-1 right-0 min-h-7 rounded px-2 text-sm font-semibold text-info underline"
      >
        {isShown ? t('password.hide') : t('password.show')}
      </button>
    </div>
  )
})
