import type { account as source } from '../en/account'

export const account: typeof source = {
  title: 'account',
}
