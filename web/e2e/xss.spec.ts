import type { Page } from '@playwright/test'
import { expect, signedIn, test } from './support/fixtures'
import { deadLetter } from './support/poison'
import { injected, watch } from './support/probes'
import type { Shop } from './support/shop'
import { en } from './support/texts'
import { until } from './support/until'

const payloads = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(2)</script>',
  "'-alert(3)-'",
  '<svg/onload=alert(4)>',
  'javascript:alert(5)',
  '{{constructor.constructor("alert(6)")()}}',
  '$t(brand){{x}}<iframe srcdoc="<script>parent.alert(7)</script>">',
]
const all = payloads.join(' ')

/** Everything that people may write, written by somebody who means harm. */
async function plant(
  shop: Shop,
): Promise<{ saleId: string; orderId: string; shopper: Awaited<ReturnType<Shop['shopper']>> }> {
  const shopper = await shop.shopper(undefined, '<img src=x onerror=alert(8)>')
  const sale = await shop.sale({
    title: all.slice(0, 200),
    description: all,
    product_id: '<img src=x onerror=alert(9)>',
    image_url: '/x"onerror="alert(10)"><script>alert(11)</script>',
    stock_total: 9,
    list_price_cents: 2999,
  })
  await shop.asOperator('PATCH', `/admin/sales/${sale.sale_id}`, { title: all.slice(-200) })
  await shop.asOperator('POST', `/admin/sales/${sale.sale_id}/stock`, { delta: 1, reason: all.slice(0, 200) })
  await deadLetter(shop, sale.sale_id, await shop.shopper())
  const cancelled = await shop.bought(sale.sale_id, shopper)
  await shop.asOperator('POST', `/admin/orders/${cancelled.order_id}/cancel`, {
    reason: '<svg/onload=alert(12)>',
  })
  // The unit comes back within two seconds.
  const order = await until('bought again', () => shop.bought(sale.sale_id, shopper).catch(() => null))
  await shop.call('POST', `/orders/${order.order_id}/payments`, {
    body: { method: 'test' },
    token: shopper.token,
    headers: { 'Idempotency-Key': `pay-${order.order_id}` },
  })
  return { saleId: sale.sale_id, orderId: cancelled.order_id, shopper }
}

/** Opens a page and waits until its data is there. */
async function visit(page: Page, path: string): Promise<void> {
  await page.goto(path)
  await expect(page.locator('h1')).toHaveCount(1)
  await expect(page.getByText(en.common.state.loading, { exact: true })).toHaveCount(0)
  expect(await injected(page), path).toEqual([])
}

test('what people write is text on every page, never code', async ({ browser, shop }) => {
  test.setTimeout(120_000)
  const { saleId, orderId, shopper } = await plant(shop)
  const q = encodeURIComponent(payloads[0] ?? '')
  const shopPaths = [
    '/',
    `/?q=${q}&state=${q}`,
    `/sales/${saleId}`,
    `/sales/${q}`,
    '/orders',
    `/orders/${orderId}`,
    `/orders/${q}`,
    '/account',
    `/${q}`,
  ]
  const operatePaths = [
    '/operate',
    `/operate/sales/${saleId}`,
    `/operate/sales/${saleId}/edit`,
    `/operate/sales/${saleId}/audit`,
    '/operate/sales/new',
    '/operate/dead-letters',
    '/operate/log',
    '/operate/actors',
    '/operate/limits',
    '/operate/orders',
    `/operate/orders/${orderId}`,
    `/operate/orders/${q}`,
    `/operate/sales/${q}`,
  ]
  for (const [who, paths] of [
    [shopper, shopPaths],
    [await shop.operator(), [...operatePaths, '/', `/sales/${saleId}`]],
  ] as const) {
    const context = await signedIn(browser, who, shop.url)
    const seen = await watch(context)
    const page = await context.newPage()
    for (const path of paths) await visit(page, path)
    expect(seen.executed).toEqual([])
    expect(seen.violations).toEqual([])
    expect(seen.errors).toEqual([])
    expect(seen.foreign).toEqual([])
    await context.close()
  }
})

for (const target of [
  'https://example.org/',
  '//example.org',
  '/\\example.org',
  'javascript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
])
  test(`after the log-in nobody is sent away to ${target}`, async ({ browser, shop, shopper }) => {
    const context = await signedIn(browser, shopper, shop.url)
    const seen = await watch(context)
    const page = await context.newPage()
    await page.goto(`/login?to=${encodeURIComponent(target)}`)
    await page.waitForLoadState('networkidle')
    expect(new URL(page.url()).origin).toBe(new URL(shop.url).origin)
    expect(seen.executed).toEqual([])
    expect(seen.foreign).toEqual([])
    await context.close()
  })
