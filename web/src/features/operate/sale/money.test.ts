import { describe, expect, it } from 'vitest'
import { currencyDigits, readMoney, writeMoney } from './money'

describe('money as it is typed', () => {
  it('knows how many minor digits a currency has, and assumes two while it is typed', () => {
    expect(['EUR', 'JPY', 'KWD', 'E', ''].map(currencyDigits)).toEqual([2, 0, 3, 2, 2])
  })

  it.each([
    ['49', 2, 4900],
    ['49.9', 2, 4990],
    ['49,90', 2, 4990],
    ['49.', 2, 4900],
    ['0', 2, 0],
    ['0.01', 2, 1],
    ['007.50', 2, 750],
    ['1.10', 2, 110],
    ['1.1000', 2, 110],
    ['4990', 0, 4990],
    ['4990.00', 0, 4990],
    ['1.234', 3, 1234],
    ['  12.34 ', 2, 1234],
    ['10000000.00', 2, 1_000_000_000],
  ])('reads %j with %i digits as %i', (text, digits, cents) => {
    expect(readMoney(text, digits)).toEqual({ value: cents })
  })

  it.each([
    ['', 2, 'required'],
    ['   ', 2, 'required'],
    ['1.234', 2, 'decimals'],
    ['1.5', 0, 'decimals'],
    ['1,234.50', 2, 'money'],
    ['1.234,50', 2, 'money'],
    ['.5', 2, 'money'],
    ['-1', 2, 'money'],
    ['+1', 2, 'money'],
    ['1e3', 2, 'money'],
    ['€5', 2, 'money'],
    ['10000000.01', 2, 'priceRange'],
    ['99999999999999999999', 2, 'priceRange'],
  ])('refuses %j with %i digits: %s', (text, digits, error) => {
    expect(readMoney(text, digits)).toEqual({ error })
  })

  it('reads back exactly what it wrote, where floating point would not', () => {
    for (const digits of [0, 2, 3])
      for (const cents of [0, 1, 9, 10, 99, 100, 101, 1005, 2999, 4990, 110, 999_999_999, 1_000_000_000])
        expect(readMoney(writeMoney(cents, digits), digits)).toEqual({ value: cents })
  })
})
