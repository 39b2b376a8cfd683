import { account } from './account'
import { orders } from './orders'

/** What the first page of a visit does not say. */
export const later = { orders, account }
