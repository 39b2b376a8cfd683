import type { operate as source } from '../en/operate'
import { board } from './operate/board'
import { orders } from './operate/orders'
import { places } from './operate/places'
import { sale } from './operate/sale'
import { system } from './operate/system'

export const operate: typeof source = { ...places, ...sale, ...board, ...system, ...orders }
