/** The contract's types by their own names; `schema.d.ts` is generated from schema/openapi.yaml by `npm run types`. */
import type { components } from './schema'

type Schemas = components['schemas']

export type Sale = Schemas['Sale']
export type SaleState = Schemas['SaleState']
export type OperatorSale = Schemas['OperatorSale']
export type Purchase = Schemas['Purchase']
export type Order = Schemas['Order']
export type OrderStatus = Schemas['OrderStatus']
export type Payment = Schemas['Payment']
export type PaymentStatus = Schemas['PaymentStatus']
export type User = Schemas['User']
export type SaleStats = Schemas['SaleStats']
export type Audit = Schemas['Audit']
export type Actor = Schemas['Actor']
export type ActorKind = Schemas['Kind']
export type Limits = Schemas['Limits']
export type LimitsPatch = Schemas['LimitsPatch']
export type DeadLetter = Schemas['DeadLetter']
export type Problem = Schemas['Problem']
export type Code = Schemas['Code']
