import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readLocalTime, writeLocalTime } from './localTime'

describe('moments on the wall clock of the device', () => {
  const before = process.env.TZ
  beforeAll(() => {
    process.env.TZ = 'Europe/Berlin'
  })
  afterAll(() => {
    process.env.TZ = before
  })

  it('writes the wall clock, to the second', () => {
    expect(writeLocalTime(Date.UTC(2026, 0, 5, 8, 7, 6, 999))).toBe('2026-01-05T09:07:06')
    expect(writeLocalTime(Date.UTC(2026, 6, 5, 8, 7, 6))).toBe('2026-07-05T10:07:06')
  })

  it.each([
    ['2026-01-05T09:07', Date.UTC(2026, 0, 5, 8, 7)],
    ['2026-01-05T09:07:06', Date.UTC(2026, 0, 5, 8, 7, 6)],
    ['2026-01-05T09:07:06.500', Date.UTC(2026, 0, 5, 8, 7, 6)],
    ['2028-02-29T12:00', Date.UTC(2028, 1, 29, 11)],
    ['1970-01-01T01:00', 0],
  ])('reads %s', (text, value) => {
    expect(readLocalTime(text)).toEqual({ value })
  })

  it('reads back every hour of a year, but the one that comes twice, of which it means the first', () => {
    for (let ms = Date.UTC(2026, 0, 1); ms < Date.UTC(2027, 0, 1); ms += 3_600_000) {
      const isSecondTime = ms === Date.UTC(2026, 9, 25, 1)
      expect(readLocalTime(writeLocalTime(ms))).toEqual({ value: isSecondTime ? ms - 3_600_000 : ms })
    }
  })

  it.each([
    ['', 'required'],
    ['tomorrow', 'time'],
    ['2026-01-05', 'time'],
    ['2026-01-05 09:07', 'time'],
    ['2026-03-29T02:30', 'noSuchTime'],
    ['2026-02-30T12:00', 'noSuchTime'],
    ['2026-13-01T12:00', 'noSuchTime'],
    ['1969-12-31T23:00', 'timeRange'],
    ['2256-01-01T00:00', 'timeRange'],
    ['0050-01-01T00:00', 'noSuchTime'],
  ])('refuses %j: %s', (text, error) => {
    expect(readLocalTime(text)).toEqual({ error })
  })
})
