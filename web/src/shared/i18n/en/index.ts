import { common } from './common'
import { purchase } from './purchase'
import { sales } from './sales'

export const shop = { common, sales, purchase }
