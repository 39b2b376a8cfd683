import { expect, test } from './support/fixtures'
import { outcomeBar, sayOf, step } from './support/operatePage'
import { newName } from './support/shop'
import { en, like } from './support/texts'

const { operate, common } = en
const fields = operate.field

test('a sale from the form to its end: created, published, paused, resumed, ended @both', async ({
  shop,
  operatorPage: page,
}) => {
  const title = newName('Kettle ')
  await page.goto('/operate')
  await page.getByRole('link', { name: operate.form.new }).click()
  await page.getByLabel(fields.title, { exact: true }).fill(title)
  await page.getByLabel(fields.price, { exact: true }).fill('49.90')
  await page.getByLabel(fields.stock_total, { exact: true }).fill('7')
  await page.getByLabel(fields.starts_at, { exact: true }).fill('2026-01-02T03:04:05')
  await page.getByRole('button', { name: operate.form.create }).click()
  await expect(outcomeBar(page)).toContainText(sayOf(operate.form.created, { title }))
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(title)
  await expect(page.getByText(operate.state.draft, { exact: true }).first()).toBeVisible()
  const saleId = /\d+$/.exec(new URL(page.url()).pathname)?.[0] ?? ''
  for (const [name, state] of [
    ['publish', 'live'],
    ['pause', 'paused'],
    ['resume', 'live'],
    ['end', 'ended'],
  ] as const) {
    await step(page, name, title)
    await expect(outcomeBar(page)).toContainText(sayOf(operate.step[name].done, { title }))
    await expect(page.getByText(operate.state[state], { exact: true }).first()).toBeVisible()
    expect((await shop.asOperator<{ state: string }>('GET', `/admin/sales/${saleId}`)).state).toBe(state)
  }
  await page.goto('/operate/log')
  await expect(page.getByText(operate.logAction.sale_end, { exact: true }).first()).toBeVisible()
})

test('what is wrong in the form is said at its field, and nothing is created @both', async ({
  operatorPage: page,
}) => {
  await page.goto('/operate/sales/new')
  await page.getByLabel(fields.title, { exact: true }).fill('')
  await page.getByLabel(fields.price, { exact: true }).fill('about five')
  await page.getByLabel(fields.stock_total, { exact: true }).fill('10000001')
  await page.getByLabel(fields.image_url, { exact: true }).fill('https://example.org/x.png')
  await page.getByRole('button', { name: operate.form.create }).click()
  for (const name of ['title', 'price', 'stock_total', 'image_url'] as const)
    await expect(page.getByLabel(fields[name], { exact: true })).toHaveAttribute('aria-invalid', 'true')
  await expect(page.getByLabel(fields.title, { exact: true })).toBeFocused()
  await expect(page).toHaveURL(/\/operate\/sales\/new$/)
})

test('the price of a running sale is edited; what is fixed cannot be typed into @both', async ({
  shop,
  operatorPage: page,
}) => {
  const sale = await shop.sale()
  await page.goto(`/operate/sales/${sale.sale_id}/edit`)
  await expect(page.getByLabel(fields.stock_total, { exact: true })).toBeDisabled()
  await page.getByLabel(fields.price, { exact: true }).fill('24.50')
  await page.getByRole('button', { name: operate.form.save }).click()
  await expect(outcomeBar(page)).toContainText(sayOf(operate.form.saved, { title: sale.title }))
  const after = await shop.asOperator<{ price_cents: number; stock_total: number }>(
    'GET',
    `/admin/sales/${sale.sale_id}`,
  )
  expect([after.price_cents, after.stock_total]).toEqual([2450, sale.stock_total])
})

test('stock is added and taken with a reason; more than is left is refused; the books stay balanced @both', async ({
  shop,
  operatorPage: page,
}) => {
  const sale = await shop.sale({ stock_total: 3 })
  await page.goto(`/operate/sales/${sale.sale_id}`)
  await expect(page.getByText(operate.audit.good)).toBeVisible()
  const dialog = page.getByRole('dialog')
  await page.getByRole('button', { name: operate.stock.open }).click()
  await dialog.getByLabel(operate.stock.units, { exact: true }).fill('4')
  await dialog.getByLabel(operate.stock.reason, { exact: true }).fill('A box was found')
  await dialog.getByRole('button', { name: operate.stock.submit }).click()
  await expect(dialog).toHaveCount(0)
  expect((await shop.audit(sale.sale_id)).stock_total).toBe(7)
  await page.getByRole('button', { name: operate.stock.open }).click()
  await dialog.getByLabel(operate.stock.take).check()
  await dialog.getByLabel(operate.stock.units, { exact: true }).fill('8')
  await dialog.getByLabel(operate.stock.reason, { exact: true }).fill('Too many')
  await dialog.getByRole('button', { name: operate.stock.submit }).click()
  await expect(dialog.getByText(operate.failed.stockState)).toBeVisible()
  expect((await shop.audit(sale.sale_id)).stock_total).toBe(7)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: operate.audit.refresh }).click()
  await expect(page.getByText(operate.audit.good)).toBeVisible()
})

test('the board counts what happens: attempts, refusals by reason, orders by state @both', async ({
  shop,
  operatorPage: page,
}) => {
  const sale = await shop.sale({ stock_total: 1 })
  const [winner, loser] = [await shop.shopper(), await shop.shopper()]
  await page.goto(`/operate/sales/${sale.sale_id}`)
  await shop.bought(sale.sale_id, winner)
  await shop.buy(sale.sale_id, loser).catch(() => undefined)
  const panel = (title: string) =>
    page.locator('section').filter({ has: page.getByRole('heading', { name: title, exact: true }) })
  await expect(panel(operate.board.refused)).toContainText(operate.refusal.sold_out, { timeout: 15_000 })
  await expect(panel(operate.board.orders)).toContainText(operate.orderStatus.pending_payment)
  await expect(page.getByText(operate.state.sold_out, { exact: true }).first()).toBeVisible()
  await page.locator('summary', { hasText: operate.board.table }).click()
  await expect(page.getByText(operate.board.column.attempts, { exact: true }).first()).toBeVisible()
})

test('one more process joins, and drains again @both', async ({ shop, operatorPage: page }) => {
  const kind = operate.kind.limiter.name
  const panel = page.getByRole('region', { name: kind })
  const members = (): Promise<number> =>
    shop
      .asOperator<{ actors: { kind: string; state: string }[] }>('GET', '/admin/actors')
      .then(
        ({ actors }) => actors.filter((actor) => actor.kind === 'limiter' && actor.state === 'ready').length,
      )
  await shop.asOperator('POST', '/admin/actors/limiter', { count: 1 })
  await expect.poll(members).toBe(1)
  await page.goto('/operate/actors')
  for (const [way, count] of [
    ['more', 2],
    ['fewer', 1],
  ] as const) {
    await panel.getByRole('button', { name: sayOf(operate.actors[way], { kind }) }).click()
    await panel.getByRole('button', { name: sayOf(operate.actors.applyTo, { kind }) }).click()
    await expect(panel.getByText(sayOf(operate.actors.readyOf, { ready: count, count }))).toBeVisible({
      timeout: 20_000,
    })
    await expect.poll(members).toBe(count)
  }
})

test('limits are changed live and undone', async ({ shop, operatorPage: page }) => {
  await page.goto('/operate/limits')
  const panel = page.locator('section').filter({ hasText: operate.limits.about.user })
  const field = panel.getByLabel(operate.limits.field.count, { exact: true })
  const before = await field.inputValue()
  for (const value of [String(Number(before) + 7), before]) {
    await field.fill(value)
    await page.getByRole('button', { name: operate.limits.apply, exact: true }).click()
    await expect(page.getByText(operate.limits.same)).toBeVisible() // again: what is typed is in force
    await expect(outcomeBar(page)).toContainText(operate.limits.done)
    const { limits } = await shop.asOperator<{ limits: { user: { count: number } } }>('GET', '/admin/limits')
    expect(limits.user.count).toBe(Number(value))
  }
})

test('any order is found by its number, and cancelled with a reason @both', async ({
  shop,
  shopper,
  operatorPage: page,
}) => {
  const sale = await shop.sale()
  const order = await shop.bought(sale.sale_id, shopper)
  await page.goto('/operate/orders')
  await page.getByLabel(operate.order.id, { exact: true }).fill('nonsense')
  await page.getByRole('button', { name: common.action.search }).click()
  await expect(page.getByText(operate.invalid.orderId).first()).toBeVisible()
  await page.getByLabel(operate.order.id, { exact: true }).fill(order.order_id.replaceAll('-', ''))
  await page.getByRole('button', { name: common.action.search }).click()
  await expect(page.getByText(operate.event.pending_payment)).toBeVisible()
  await page.getByRole('button', { name: operate.order.cancel }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(operate.order.cancelReason, { exact: true }).fill('Scratched')
  await dialog.getByRole('button', { name: operate.order.cancel }).click()
  await expect(page.getByText(operate.orderStatus.cancelled, { exact: true }).first()).toBeVisible()
  expect((await shop.order(order.order_id, shopper)).status).toBe('cancelled')
})

test('a shopper does not get in', async ({ shop, shopperPage: page }) => {
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  await page.goto('/operate/actors')
  await expect(page.getByText(common.problem.forbidden)).toBeVisible()
  await expect(page.getByRole('link', { name: common.nav.operate, exact: true })).toHaveCount(0)
  expect(asked.filter((url) => url.includes('/admin/') || /operate-.*\.js/.test(url))).toEqual([])
  expect((await shop.ask('GET', '/admin/actors')).status).toBe(401)
  await expect(page.getByText(like(operate.actors.readyOf))).toHaveCount(0)
})
