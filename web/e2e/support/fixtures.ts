import {
  test as base,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from '@playwright/test'
import { Network } from './proxy'
import { Shop, type Shopper } from './shop'

interface Fixtures {
  /** Where pages are opened: the instance, unless a test has a network of its own. */
  baseURL: string
  shopper: Shopper
  /** A page of that shopper, signed in. */
  shopperPage: Page
  operatorPage: Page
  /** A network between the browser and nginx that a test may break. */
  network: Network
}

/** A profile of its own with this shopper signed in, at an origin. */
export function signedIn(
  browser: Browser,
  who: Shopper,
  url: string,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const { hostname } = new URL(url)
  const cookie = {
    name: 'minishop_session',
    value: who.token,
    domain: hostname,
    path: '/',
    expires: -1,
    httpOnly: true,
    secure: false,
    sameSite: 'Strict' as const,
  }
  const localStorage = [{ name: 'minishop.signed_in', value: '1' }]
  const storageState = { cookies: [cookie], origins: [{ origin: new URL(url).origin, localStorage }] }
  return browser.newContext({ baseURL: url, storageState, ...options })
}

export const test = base.extend<Fixtures, { shop: Shop }>({
  shop: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      await use(new Shop())
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ shop }, use) => {
    await use(shop.url)
  },
  shopper: async ({ shop }, use) => {
    await use(await shop.shopper())
  },
  shopperPage: async ({ browser, shop, shopper }, use) => {
    const context = await signedIn(browser, shopper, shop.url)
    await use(await context.newPage())
    await context.close()
  },
  operatorPage: async ({ browser, shop }, use) => {
    const context = await signedIn(browser, await shop.operator(), shop.url)
    await use(await context.newPage())
    await context.close()
  },
  network: async ({ shop }, use) => {
    const network = await new Network(shop.instance.port).start()
    await use(network)
    await network.stop()
  },
})

export { expect } from '@playwright/test'
