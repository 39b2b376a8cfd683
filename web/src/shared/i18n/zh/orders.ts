import type { orders as source } from '../en/orders'

export const orders: typeof source = {
  title: 'orders',
}
