import type { Locator, Page } from '@playwright/test'
import { en } from './texts'

const { operate } = en

/** A text with its places filled in. */
export function sayOf(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => String(values[name]))
}

/** Where it is said what came of an act. */
export function outcomeBar(page: Page): Locator {
  return page.getByRole('status').last()
}

/** A step of the sale whose page is open; what cannot be taken back is confirmed. */
export async function step(
  page: Page,
  name: 'publish' | 'pause' | 'resume' | 'end',
  title: string,
): Promise<void> {
  const { do: label, confirm } = operate.step[name]
  await page
    .getByRole('button', { name: sayOf(operate.step.label, { step: label, title }), exact: true })
    .click()
  if (name === 'publish' || name === 'end')
    await page.getByRole('dialog').getByRole('button', { name: confirm, exact: true }).click()
}
