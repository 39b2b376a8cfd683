import { describe, expect, it } from 'vitest'
import { formatMoney } from './money'

describe('money is shown in its currency’s own number of digits', () => {
  it.each([
    [1999, 'EUR', '€19.99'],
    [1999, 'JPY', '¥1,999'],
    [1999, 'KWD', 'KWD\u00a01.999'],
  ])('%i minor units of %s', (cents, currency, shown) => {
    expect(formatMoney(cents, currency, 'en')).toBe(shown)
  })

  it('writes a currency that the browser does not know as code', () => {
    expect(formatMoney(1999, 'zz', 'en')).toBe('19.99 zz')
  })
})
