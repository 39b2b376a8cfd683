import { Button } from '@/shared/ui/Button'
import { useTranslation } from 'react-i18next'
import { useLogOut } from './api/logOut'

export function LogOutButton() {
  const { t } = useTranslation()
  const logOut = useLogOut()
  return (
    <Button isBusy={logOut.isPending} onClick={() => logOut.mutate()}>
      {t('nav.logOut')}
    </Button>
  )
}
