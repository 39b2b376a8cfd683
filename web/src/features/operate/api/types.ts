/** Bodies and pages that have no name of their own in the contract. */
import type { operations } from '@/shared/api/schema'
import type { OperatorSale } from '@/shared/api/types'

type JsonOf<R> = R extends { content: { 'application/json': infer Body } } ? Body : never
type Ok<Name extends keyof operations> = operations[Name] extends { responses: { 200: infer R } }
  ? JsonOf<R>
  : never
type Sent<Name extends keyof operations> = operations[Name] extends { requestBody?: infer R }
  ? JsonOf<R>
  : never

export type { OperatorSale }
export type SaleRequest = Sent<'createSale'>
export type SaleChanges = Sent<'editSale'>
export type SalesPage = Omit<Ok<'listOperatorSales'>, 'sales'> & { sales: OperatorSale[] }
export type DeadLettersPage = Ok<'listDeadLetters'>
export type LogPage = Ok<'listLog'>
export type LogEntry = LogPage['entries'][number]
