import { describe, expect, it } from 'vitest'
import { nameFault, newPasswordFault, safePath, withWayBack } from './model'

describe('names are judged as the contract does', () => {
  it.each([
    ['', 'missing'],
    ['ab', 'short'],
    ['abc', null],
    ['A.b_c-9', null],
    ['a'.repeat(32), null],
    ['a'.repeat(33), 'long'],
    ['anna b', 'letters'],
    ['ännchen', 'letters'],
    ['anna\n', 'letters'],
    ['<b>', 'letters'],
  ])('%j', (name, fault) => expect(nameFault(name)).toBe(fault))
})

describe('new passwords are counted in bytes', () => {
  it.each([
    ['', 'missing'],
    ['1234567', 'short'],
    ['12345678', null],
    ['🎟🎟', null],
    ['中文', 'short'],
    ['中文字', null],
    ['字'.repeat(43), 'long'],
    ['é'.repeat(64), null],
    ['é'.repeat(65), 'long'],
    ['a'.repeat(129), 'long'],
  ])('%j', (password, fault) => expect(newPasswordFault(password)).toBe(fault))
})

describe('a log-in leads to this site only', () => {
  const origin = 'https://shop.example'
  it.each([
    [null, '/'],
    ['', '/'],
    ['/orders', '/orders'],
    ['/sales/3?buy=1#top', '/sales/3?buy=1#top'],
    ['orders', '/'],
    ['https://evil.example/', '/'],
    ['https://shop.example/orders', '/'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['/\t/evil.example', '/'],
    ['/.//evil.example', '/'],
    ['/x/..//evil.example', '/'],
    ['/a\\b', '/'],
    ['javascript:alert(1)', '/'],
    ['/login?to=/orders', '/'],
    ['/register', '/'],
  ])('%j', (to, path) => expect(safePath(to, origin)).toBe(path))

  it('keeps the way back between log-in and registration', () => {
    expect(withWayBack('/register', '/sales/3?a=b')).toBe('/register?to=%2Fsales%2F3%3Fa%3Db')
    expect(withWayBack('/login', '/')).toBe('/login')
  })
})
