import { expect, test } from './support/fixtures'

test('an unknown address says so and leads back @both', async ({ page }) => {
  await page.goto('/nowhere/at/all')
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Nothing is here')
})
