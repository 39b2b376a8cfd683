import { board } from './operate/board'
import { orders } from './operate/orders'
import { places } from './operate/places'
import { sale } from './operate/sale'
import { system } from './operate/system'

/** Texts of the operators' pages; split by what they are about, one namespace. */
export const operate = { ...places, ...sale, ...board, ...system, ...orders }
