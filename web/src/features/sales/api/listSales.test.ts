/** Only the whole list is kept for a start without a network: searches are not. */
import { expect, it } from 'vitest'
import { salesQuery } from './listSales'

it('is kept without a search only', () => {
  expect(salesQuery({ q: '', state: '' }).meta?.offline).toBe(true)
  expect(salesQuery({ q: 'lamp', state: '' }).meta?.offline).toBe(false)
  expect(salesQuery({ q: '', state: 'live' }).meta?.offline).toBe(false)
})
