import { describe, expect, it } from 'vitest'
import { placeOf } from '../log/target'
import { ORDER_ID } from '../test/samples'
import { readOrderId } from './orderId'

describe('an order number', () => {
  it.each([
    ORDER_ID,
    ORDER_ID.toUpperCase(),
    ORDER_ID.replaceAll('-', ''),
    `  ${ORDER_ID}\n`,
    `{${ORDER_ID}}`,
    `urn:uuid:${ORDER_ID}`,
  ])('is read from %j', (text) => {
    expect(readOrderId(text)).toBe(ORDER_ID)
  })

  it.each([
    '',
    '7',
    ORDER_ID.slice(1),
    `${ORDER_ID}0`,
    ORDER_ID.replace('8366', '4366'), // a UUID of another version
    ORDER_ID.replace('85c1', '05c1'), // another variant
    'x'.repeat(32),
    `../admin/${ORDER_ID}`,
  ])('is not %j', (text) => {
    expect(readOrderId(text)).toBeNull()
  })

  it('a line of the log leads to its page, or nowhere', () => {
    expect(placeOf('sale 7')).toBe('/operate/sales/7')
    expect(placeOf(`order ${ORDER_ID}`)).toBe(`/operate/orders/${ORDER_ID}`)
    expect(['edge', 'sale x', 'sale 0', 'sale 7 8', 'order 7', 'dead letter 3', ''].map(placeOf)).toEqual(
      Array(7).fill(null),
    )
  })
})
