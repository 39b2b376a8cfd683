import type { operate as source } from '../en/operate'

export const operate: typeof source = {
  title: '运营',
}
