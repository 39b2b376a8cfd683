import type { purchase as source } from '../en/purchase'

export const purchase: typeof source = {
  title: 'purchase',
}
