import { expect, test } from './support/fixtures'

const policy = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self' 'unsafe-inline'",
  'base-uri': "'none'",
  'frame-ancestors': "'none'",
}

test('every page and every part of one comes with the security headers', async ({ shop }) => {
  const start = await (await fetch(shop.url)).text()
  const parts = [...start.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path ?? '')
  expect(parts.some((path) => path.endsWith('.js'))).toBe(true)
  for (const path of ['/', '/sales/1', '/operate', '/sw.js', '/manifest.webmanifest', ...parts]) {
    const answer = await fetch(shop.url + path)
    expect.soft(answer.status, path).toBe(200)
    const csp = new Map(
      (answer.headers.get('content-security-policy') ?? '').split(/;\s*/).map((rule) => {
        const [name = '', ...values] = rule.split(' ')
        return [name, values.join(' ')]
      }),
    )
    for (const [name, value] of Object.entries(policy))
      expect.soft(csp.get(name), `${path} ${name}`).toBe(value)
    expect.soft(answer.headers.get('x-content-type-options'), path).toBe('nosniff')
    expect.soft(answer.headers.get('referrer-policy'), path).toMatch(/^(no-referrer|same-origin)$/)
    expect.soft(answer.headers.get('x-frame-options'), path).toBe('DENY')
  }
})

test('no browser takes an answer of the API, or a problem of nginx, for something else', async ({ shop }) => {
  const sale = await shop.sale()
  for (const [path, init] of [
    ['/api/v1/time', {}],
    ['/api/v1/sales', {}],
    [`/api/v1/sales/${sale.sale_id}`, {}],
    ['/api/v1/orders', {}],
    ['/metrics', {}],
    ['/', { method: 'POST' }],
    ['/api/v1/sessions', { method: 'POST', body: 'x'.repeat(70_000) }],
  ] as const) {
    const answer = await fetch(shop.url + path, init)
    expect.soft(answer.headers.get('x-content-type-options'), path).toBe('nosniff')
    expect.soft(answer.headers.get('content-type'), path).toMatch(/^application\/(problem\+)?json/)
  }
})

test('parts of the pages are kept for ever, the page itself is asked about again', async ({ shop }) => {
  const answer = await fetch(shop.url)
  expect(answer.headers.get('cache-control')).toBe('no-cache')
  for (const [, path] of (await answer.text()).matchAll(/src="(\/assets\/[^"]+)"/g))
    expect((await fetch(shop.url + String(path))).headers.get('cache-control')).toContain('immutable')
  expect((await fetch(`${shop.url}/sw.js`)).headers.get('cache-control')).toBe('no-cache')
})

test('the session is a cookie that no script sees and no other site sends', async ({ shop }) => {
  const shopper = await shop.shopper()
  const { username, password } = shopper
  const answer = await shop.ask('POST', '/sessions', { body: { username, password } })
  const cookie = answer.headers.getSetCookie().find((text) => text.startsWith('minishop_session='))
  expect(cookie).toMatch(/;\s*HttpOnly/i)
  expect(cookie).toMatch(/;\s*SameSite=Strict/i)
  expect(cookie).toMatch(/;\s*Path=\//i)
})
