import { readOrderId } from '../order/orderId'

/** The page of what a line of the log is about: "sale 6", "order 0192…"; null = it has none. */
export function placeOf(target: string): string | null {
  const match = /^(sale|order) (\S+)$/.exec(target)
  const [, what, id = ''] = match ?? []
  if (what === 'sale') return /^[1-9]\d{0,14}$/.test(id) ? `/operate/sales/${id}` : null
  const orderId = what === 'order' ? readOrderId(id) : null
  return orderId && `/operate/orders/${orderId}`
}
