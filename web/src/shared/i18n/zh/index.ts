import { account } from './account'
import { common } from './common'
import { orders } from './orders'
import { purchase } from './purchase'
import { sales } from './sales'

export const shop = { common, sales, purchase, orders, account }
