import { describe, expect, it } from 'vitest'
import { formOf, readStock, sendingOf } from './stockChange'

describe('a change of stock', () => {
  it('adds or takes a number of units for a reason', () => {
    expect(readStock({ direction: 'add', units: ' 20 ', reason: ' found ' })).toEqual({
      delta: 20,
      reason: 'found',
    })
    expect(readStock({ direction: 'take', units: '20', reason: 'broken' })).toEqual({
      delta: -20,
      reason: 'broken',
    })
  })

  it.each([
    ['', 'why', { units: 'required' }],
    ['0', 'why', { units: 'units' }],
    ['-5', 'why', { units: 'units' }],
    ['1.5', 'why', { units: 'units' }],
    ['10000001', 'why', { units: 'units' }],
    ['5', '  ', { reason: 'required' }],
    ['5', '字'.repeat(67), { reason: 'tooLong' }],
    ['', '', { units: 'required', reason: 'required' }],
  ])('%j units for %j is wrong', (units, reason, errors) => {
    expect(readStock({ direction: 'add', units, reason })).toEqual({ errors })
  })

  it.each([5, -5])('of %i is read from the form that it fills', (delta) => {
    expect(readStock(formOf({ delta, reason: 'a' }))).toEqual({ delta, reason: 'a' })
  })

  it('keeps its key as long as it is the same change without an answer, and only then', () => {
    let made = 0
    const makeKey = () => `key-${++made}`
    const first = sendingOf([], { delta: 5, reason: 'a' }, makeKey)
    const other = { key: 'other', delta: 9, reason: 'a' }
    expect(sendingOf([first, other], { delta: 5, reason: 'a' }, makeKey)).toBe(first)
    expect(sendingOf([first], { delta: 6, reason: 'a' }, makeKey).key).toBe('key-2')
    expect(sendingOf([first], { delta: 5, reason: 'b' }, makeKey).key).toBe('key-3')
  })
})
