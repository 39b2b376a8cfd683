import * as z from 'zod/mini'
import type { OperatorSale, SaleChanges, SaleRequest } from '../api/types'
import { readLocalTime, writeLocalTime } from './localTime'
import { currencyDigits, readMoney, writeMoney } from './money'
import { byteLength } from '../ui/byteLength'
import { lockOf, type OperatorState, type SaleField } from './rules'

/** The form as it is typed: every field a text. */
export type SaleFormValues = Record<SaleField, string>
export type FieldError = (typeof fieldErrors)[number]
export type SaleReading = { sale: SaleRequest } | { errors: Partial<Record<SaleField, FieldError>> }

export const fieldErrors = [
  'required',
  'tooLong',
  'path',
  'money',
  'decimals',
  'priceRange',
  'currency',
  'wholeNumber',
  'stockRange',
  'limitRange',
  'payRange',
  'time',
  'noSuchTime',
  'timeRange',
  'endsBeforeStarts',
] as const

type Reading<T> = { value: T } | { error: FieldError }

function readText(bytesMax: number, isRequired = false): (text: string) => Reading<string> {
  return (text) => {
    const value = text.trim()
    if (isRequired && value === '') return { error: 'required' }
    return byteLength(value) > bytesMax ? { error: 'tooLong' } : { value }
  }
}

function readPath(text: string): Reading<string> {
  const value = text.trim()
  if (!/^(\/([^/\\].*)?)?$/.test(value)) return { error: 'path' }
  return byteLength(value) > 256 ? { error: 'tooLong' } : { value }
}

function readCurrency(text: string): Reading<string> {
  const value = text.trim().toUpperCase()
  return /^[A-Z]{3}$/.test(value) ? { value } : { error: 'currency' }
}

function readWhole(min: number, max: number, error: FieldError): (text: string) => Reading<number> {
  return (text) => {
    const value = text.trim()
    if (value === '') return { error: 'required' }
    if (!/^\d+$/.test(value)) return { error: 'wholeNumber' }
    const number = Number(value)
    return number >= min && number <= max ? { value: number } : { error }
  }
}

function field<T>(read: (text: string) => Reading<T>) {
  return z.pipe(
    z.string(),
    z.transform((text, context): T => {
      const reading = read(text)
      if ('value' in reading) return reading.value
      context.issues.push({ code: 'custom', message: reading.error, input: text })
      return z.NEVER
    }),
  )
}

function schemaOf(currency: string) {
  const digits = currencyDigits(currency.trim().toUpperCase())
  const money = (text: string): Reading<number> => readMoney(text, digits)
  return z.object({
    title: field(readText(200, true)),
    description: field(readText(2000)),
    image_url: field(readPath),
    product_id: field(readText(64)),
    price: field(money),
    list_price: field((text): Reading<number> => (text.trim() === '' ? { value: 0 } : money(text))),
    currency: field(readCurrency),
    stock_total: field(readWhole(0, 10_000_000, 'stockRange')),
    starts_at: field(readLocalTime),
    ends_at: field(readLocalTime),
    per_user_limit: field(readWhole(1, 100, 'limitRange')),
    pay_within_s: field(readWhole(1, 86_400, 'payRange')),
  })
}

/** Reads the whole form by the contract's ranges; of every field that is wrong the first thing wrong with it. */
export function readSale(values: SaleFormValues): SaleReading {
  const read = schemaOf(values.currency).safeParse(values)
  const errors: Partial<Record<SaleField, FieldError>> = {}
  for (const issue of read.error?.issues ?? [])
    errors[issue.path[0] as SaleField] ??= issue.message as FieldError
  const starts = readLocalTime(values.starts_at)
  const ends = readLocalTime(values.ends_at)
  if ('value' in starts && 'value' in ends && ends.value <= starts.value) errors.ends_at = 'endsBeforeStarts'
  if (!read.success || errors.ends_at) return { errors }
  const { price, list_price, starts_at, ends_at, ...same } = read.data
  return {
    sale: {
      ...same,
      price_cents: price,
      list_price_cents: list_price,
      starts_at_ms: starts_at,
      ends_at_ms: ends_at,
    },
  }
}

export function valuesOf(sale: OperatorSale): SaleFormValues {
  const digits = currencyDigits(sale.currency)
  return {
    title: sale.title,
    description: sale.description,
    image_url: sale.image_url,
    product_id: sale.product_id,
    price: writeMoney(sale.price_cents, digits),
    list_price: sale.list_price_cents ? writeMoney(sale.list_price_cents, digits) : '',
    currency: sale.currency,
    stock_total: String(sale.stock_total),
    starts_at: writeLocalTime(sale.starts_at_ms),
    ends_at: writeLocalTime(sale.ends_at_ms),
    per_user_limit: String(sale.per_user_limit),
    pay_within_s: String(sale.pay_within_s),
  }
}

/** A new sale opens at the next full hour and is open for one. */
export function emptyValues(nowMs: number): SaleFormValues {
  const startsMs = Math.ceil((nowMs + 1) / 3_600_000) * 3_600_000
  return {
    title: '',
    description: '',
    image_url: '',
    product_id: '',
    price: '',
    list_price: '',
    currency: 'EUR',
    stock_total: '',
    starts_at: writeLocalTime(startsMs),
    ends_at: writeLocalTime(startsMs + 3_600_000),
    per_user_limit: '1',
    pay_within_s: '900',
  }
}

/** What a new sale is sent as: no list price is no field. */
export function creationOf(sale: SaleRequest): SaleRequest {
  const { list_price_cents, ...rest } = sale
  return list_price_cents ? { ...rest, list_price_cents } : rest
}

const columnOf = {
  price: 'price_cents',
  list_price: 'list_price_cents',
  starts_at: 'starts_at_ms',
  ends_at: 'ends_at_ms',
} as const

/** Only what is different, and only what the state allows. Times count as the text they are shown as: the form knows no milliseconds. */
export function changesOf(before: OperatorSale, values: SaleFormValues, sale: SaleRequest): SaleChanges {
  const shown = valuesOf(before)
  const state: OperatorState = before.state
  const isKept = (name: SaleField): boolean => lockOf(name, state) !== null
  const changes: Record<string, string | number> = {}
  for (const name of Object.keys(shown) as SaleField[]) {
    if (isKept(name)) continue
    const isTime = name === 'starts_at' || name === 'ends_at'
    const column = name in columnOf ? columnOf[name as keyof typeof columnOf] : (name as keyof SaleRequest)
    const now = sale[column]
    const was = before[column] ?? 0
    const isSame = isTime ? values[name] === shown[name] : now === was
    if (!isSame && now !== undefined) changes[column] = now
  }
  return changes
}
