import type { sales as source } from '../en/sales'

export const sales: typeof source = {
  title: 'sales',
}
