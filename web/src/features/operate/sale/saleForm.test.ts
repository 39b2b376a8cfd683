import { describe, expect, it } from 'vitest'
import { saleOf } from '../test/samples'
import { changesOf, creationOf, emptyValues, readSale, valuesOf, type SaleFormValues } from './saleForm'

const typed = (changes: Partial<SaleFormValues> = {}): SaleFormValues => ({
  ...valuesOf(saleOf()),
  ...changes,
})

function errorsOf(changes: Partial<SaleFormValues>) {
  const reading = readSale(typed(changes))
  return 'errors' in reading ? reading.errors : {}
}

function read(values: SaleFormValues) {
  const reading = readSale(values)
  if ('errors' in reading) throw new Error(JSON.stringify(reading.errors))
  return reading.sale
}

describe('the sale form', () => {
  it('reads a whole form as the contract wants it: minor units, ms, trimmed texts', () => {
    const sale = read(typed({ title: '  Kettle ', currency: 'eur', list_price: '89', price: '49,9' }))
    expect(sale).toEqual({
      title: 'Kettle',
      description: '',
      image_url: '',
      product_id: 'KT-1',
      price_cents: 4990,
      list_price_cents: 8900,
      currency: 'EUR',
      stock_total: 200,
      starts_at_ms: Date.UTC(2026, 5, 1, 10),
      ends_at_ms: Date.UTC(2026, 5, 1, 11),
      per_user_limit: 1,
      pay_within_s: 900,
    })
  })

  it.each([
    ['title', ' ', 'required'],
    ['title', 'x'.repeat(201), 'tooLong'],
    ['title', '票'.repeat(67), 'tooLong'], // 201 bytes in 67 characters
    ['description', 'x'.repeat(2001), 'tooLong'],
    ['product_id', 'x'.repeat(65), 'tooLong'],
    ['image_url', 'https://elsewhere/x.png', 'path'],
    ['image_url', '//elsewhere/x.png', 'path'],
    ['image_url', '/\\elsewhere', 'path'],
    ['image_url', '/' + 'x'.repeat(256), 'tooLong'],
    ['price', '', 'required'],
    ['price', '1.999', 'decimals'],
    ['list_price', 'much', 'money'],
    ['currency', 'EU', 'currency'],
    ['stock_total', '', 'required'],
    ['stock_total', '1.5', 'wholeNumber'],
    ['stock_total', '-1', 'wholeNumber'],
    ['stock_total', '10000001', 'stockRange'],
    ['per_user_limit', '0', 'limitRange'],
    ['per_user_limit', '101', 'limitRange'],
    ['pay_within_s', '0', 'payRange'],
    ['pay_within_s', '86401', 'payRange'],
    ['starts_at', 'soon', 'time'],
    ['ends_at', '', 'required'],
  ] as const)('%s %j is wrong: %s', (field, text, error) => {
    expect(errorsOf({ [field]: text })).toMatchObject({ [field]: error })
  })

  it.each([
    ['title', 'x'.repeat(200)],
    ['image_url', '/'],
    ['image_url', ''],
    ['stock_total', '0'],
    ['stock_total', '10000000'],
    ['per_user_limit', '100'],
    ['pay_within_s', '86400'],
    ['list_price', ''],
  ] as const)('%s %j is at the edge, and right', (field, text) => {
    expect(errorsOf({ [field]: text })).toEqual({})
  })

  it('says everything that is wrong at once, the times too', () => {
    const values = typed({ title: '', stock_total: 'x', price: '' })
    expect(errorsOf({ ...values, ends_at: values.starts_at })).toEqual({
      title: 'required',
      stock_total: 'wholeNumber',
      price: 'required',
      ends_at: 'endsBeforeStarts',
    })
  })

  it('reads an amount by the currency that is typed beside it', () => {
    expect(errorsOf({ currency: 'JPY', price: '49.90' })).toEqual({ price: 'decimals' })
    expect(read(typed({ currency: 'JPY', price: '4990' })).price_cents).toBe(4990)
    expect(read(typed({ currency: 'KWD', price: '4.99' })).price_cents).toBe(4990)
  })

  it('leaves out a list price that is not there', () => {
    expect(creationOf(read(typed()))).not.toHaveProperty('list_price_cents')
    expect(creationOf(read(typed({ list_price: '5' })))).toHaveProperty('list_price_cents', 500)
  })

  it('a new form lacks only what somebody must decide', () => {
    const reading = readSale(emptyValues(Date.UTC(2026, 5, 1, 10, 20)))
    expect(reading).toEqual({ errors: { title: 'required', price: 'required', stock_total: 'required' } })
    expect(emptyValues(Date.UTC(2026, 5, 1, 10)).starts_at).not.toBe(
      emptyValues(Date.UTC(2026, 5, 1, 9)).starts_at,
    )
  })
})

describe('what an edit sends', () => {
  const changed = (changes: Partial<SaleFormValues>, state = saleOf().state) => {
    const sale = saleOf({ state, list_price_cents: 8900 })
    const values = { ...valuesOf(sale), ...changes }
    return changesOf(sale, values, read(values))
  }

  it('nothing, if nothing is different: not even the milliseconds that the form does not show', () => {
    expect(changed({})).toEqual({})
  })

  it('only what is different', () => {
    expect(changed({ title: 'New', stock_total: '201' })).toEqual({ title: 'New', stock_total: 201 })
    expect(changed({ price: '49.9' })).toEqual({})
    expect(changed({ price: '50' })).toEqual({ price_cents: 5000 })
  })

  it('0 for a list price that is taken away', () => {
    expect(changed({ list_price: '' })).toEqual({ list_price_cents: 0 })
  })

  it('the amount anew if another currency has other digits', () => {
    expect(changed({ currency: 'JPY', price: '4990', list_price: '' })).toEqual({
      currency: 'JPY',
      list_price_cents: 0,
    })
    expect(changed({ currency: 'JPY', price: '50', list_price: '' })).toMatchObject({ price_cents: 50 })
  })

  it.each(['scheduled', 'live', 'paused', 'sold_out'] as const)('while %s only what may change', (state) => {
    const all = {
      title: 'New',
      product_id: 'x',
      price: '1',
      list_price: '2',
      stock_total: '9',
      pay_within_s: '5',
    }
    expect(changed(all, state)).toEqual({ title: 'New', price_cents: 100 })
  })

  it('nothing of a sale that is over', () => {
    expect(changed({ title: 'New', price: '1' }, 'ended')).toEqual({})
  })
})
