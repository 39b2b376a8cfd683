import { expect, type Locator, type Page } from '@playwright/test'
import { en } from './texts'

const { account } = en

export async function fillLogIn(page: Page, username: string, password: string): Promise<void> {
  await page.getByLabel(account.name.label, { exact: true }).fill(username)
  await page.getByLabel(account.password.label, { exact: true }).fill(password)
}

export async function logIn(page: Page, username: string, password: string): Promise<void> {
  await fillLogIn(page, username, password)
  await page.getByRole('button', { name: account.logIn.submit, exact: true }).click()
}

export async function logOut(page: Page): Promise<void> {
  await page.goto('/account')
  await page.getByRole('button', { name: en.common.nav.logOut, exact: true }).click()
  await expect(page.getByText(account.farewell.loggedOut)).toBeVisible()
}

/** A link of the main navigation. */
export function nav(page: Page, name: Exclude<keyof typeof en.common.nav, 'main'>): Locator {
  const main = page.getByRole('navigation', { name: en.common.nav.main })
  return main.getByRole('link', { name: en.common.nav[name], exact: true })
}
