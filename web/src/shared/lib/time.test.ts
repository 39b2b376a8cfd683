import { expect, it } from 'vitest'
import { wholeSpan } from './time'

it.each([
  [900, 'Minutes', 15],
  [5400, 'Minutes', 90],
  [7200, 'Hours', 2],
  [86_400, 'Hours', 24],
  [61, 'Seconds', 61],
  [1, 'Seconds', 1],
])('%i s are said as %s: %i', (seconds, unit, count) => {
  expect(wholeSpan(seconds)).toEqual({ unit, count })
})
