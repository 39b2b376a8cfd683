import { fillLogIn, logIn, logOut, nav } from './support/accountPage'
import { expect, signedIn, test } from './support/fixtures'
import { everythingKept, watch } from './support/probes'
import { newName } from './support/shop'
import { en, like } from './support/texts'

const { account } = en

test('register, see who one is, log out @both', async ({ page }) => {
  const username = newName('new')
  await page.goto('/register')
  await fillLogIn(page, username, 'correct horse battery')
  await page.getByRole('button', { name: account.register.submit }).click()
  await nav(page, 'account').click()
  await expect(page.getByText(username)).toBeVisible()
  await logOut(page)
  await expect(nav(page, 'logIn')).toBeVisible()
})

test('what is wrong with a name or a password is said at the field @both', async ({ page, shopper }) => {
  await page.goto('/register')
  await fillLogIn(page, 'a!', 'short')
  await page.getByRole('button', { name: account.register.submit }).click()
  const field = page.getByLabel(account.name.label, { exact: true })
  await expect(field).toHaveAttribute('aria-invalid', 'true')
  await expect(field).toBeFocused()
  await expect(page.getByText(account.password.short)).toBeVisible()
  await fillLogIn(page, shopper.username, 'correct horse battery')
  await page.getByRole('button', { name: account.register.submit }).click()
  await expect(page.getByText(account.name.taken)).toBeVisible()
  await page.goto('/login')
  await logIn(page, shopper.username, 'not the password')
  await expect(page.getByText(account.problem.wrong)).toBeVisible()
})

test('who opens a page of his own logs in first, and comes back to it @both', async ({ page, shopper }) => {
  await page.goto('/orders')
  await logIn(page, shopper.username, shopper.password)
  await expect(page).toHaveURL(/\/orders$/)
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
})

test('a new password ends all sessions, also those of other browsers @both', async ({
  browser,
  shop,
  shopper,
}) => {
  const here = await signedIn(browser, shopper, shop.url)
  const there = await signedIn(browser, shopper, shop.url)
  const page = await here.newPage()
  const other = await there.newPage()
  await other.goto('/account')
  await page.goto('/account')
  await page.getByLabel(account.password.current, { exact: true }).fill('not the password')
  await page.getByLabel(account.password.new, { exact: true }).fill('another good password')
  await page.getByRole('button', { name: account.change.submit }).click()
  await expect(page.getByText(account.problem.currentWrong)).toBeVisible()
  await page.getByLabel(account.password.current, { exact: true }).fill(shopper.password)
  await page.getByLabel(account.password.new, { exact: true }).fill('another good password')
  await page.getByRole('button', { name: account.change.submit }).click()
  await expect(page.getByText(account.farewell.passwordChanged)).toBeVisible()
  await logIn(page, shopper.username, 'another good password')
  await expect(nav(page, 'account')).toBeVisible()
  await other.goto('/orders')
  await expect(other).toHaveURL(/\/login/)
  await here.close()
  await there.close()
})

test('log-out leaves nothing of the shopper on the device, and no secret was ever kept', async ({
  browser,
  shop,
  shopper,
}) => {
  const sale = await shop.sale()
  const order = await shop.bought(sale.sale_id, shopper)
  const context = await browser.newContext({ baseURL: shop.url })
  const seen = await watch(context)
  const page = await context.newPage()
  await page.goto('/login')
  await logIn(page, shopper.username, shopper.password)
  await expect(nav(page, 'account')).toBeVisible()
  const cookie = (await context.cookies()).find(({ name }) => name === 'minishop_session')
  expect(cookie?.httpOnly).toBe(true)
  expect(cookie?.sameSite).toBe('Strict')
  for (const path of [`/sales/${sale.sale_id}`, '/account', '/orders', `/orders/${order.order_id}`]) {
    await page.goto(path)
    await expect(page.locator('h1')).toBeVisible()
  }
  await expect.poll(() => everythingKept(page)).toContain(order.order_id)
  const kept = await everythingKept(page)
  expect(kept).not.toContain(shopper.password)
  expect(kept).not.toContain(String(cookie?.value))
  expect(kept).not.toMatch(/access_token|eyJ[A-Za-z0-9_-]{10}/)
  expect(kept, 'answers of the API are in no cache').not.toContain('/api/v1/')
  await logOut(page)
  for (const word of [order.order_id, shopper.username, shopper.userId])
    await expect.poll(() => everythingKept(page), { message: word }).not.toContain(word)
  expect((await context.cookies()).filter(({ name }) => name === 'minishop_session')).toEqual([])
  await context.setOffline(true)
  await page.goto('/orders').catch(() => undefined)
  await expect(page.getByText(order.order_id)).toHaveCount(0)
  expect(seen.violations).toEqual([])
  await context.close()
})

test('a log-in in one tab is a log-in in the other, and so is a log-out', async ({
  browser,
  shop,
  shopper,
}) => {
  const context = await browser.newContext({ baseURL: shop.url })
  const [one, two] = [await context.newPage(), await context.newPage()]
  await two.goto('/')
  await one.goto('/login')
  await logIn(one, shopper.username, shopper.password)
  await expect(nav(two, 'account')).toBeVisible()
  await logOut(one)
  await expect(nav(two, 'logIn')).toBeVisible()
  await context.close()
})

test('too many log-ins at once are asked to wait, with the time that it takes', async ({
  page,
  shop,
  shopper,
}) => {
  await page.goto('/login')
  // The wait may be half a second: the page itself remembers that it was told, so that no look can miss it.
  await page.evaluate((pattern) => {
    const again = new RegExp(pattern)
    new MutationObserver(() => {
      if (again.test(document.body.textContent)) Object.assign(window, { wasTold: true })
    }).observe(document.body, { subtree: true, childList: true, characterData: true })
  }, like(account.again).source)
  const crowd = Array.from({ length: 200 }, () =>
    shop.ask('POST', '/sessions', { body: { username: shopper.username, password: shopper.password } }),
  )
  await logIn(page, shopper.username, shopper.password)
  const isIn = nav(page, 'account')
  const isTold = async () => (await isIn.isVisible()) || (await page.evaluate(() => 'wasTold' in window))
  await expect.poll(isTold, { intervals: [100], timeout: 30_000 }).toBe(true)
  await Promise.all(crowd)
  await expect(async () => {
    const submit = page.getByRole('button', { name: account.logIn.submit, exact: true })
    if (await submit.isVisible()) await submit.click({ timeout: 3000 })
    await expect(isIn).toBeVisible({ timeout: 3000 })
  }).toPass({ timeout: 60_000 })
})
