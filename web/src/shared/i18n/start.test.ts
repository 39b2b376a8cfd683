/** Texts that do not come leave English, not a white page. */
import i18next from 'i18next'
import { expect, it, vi } from 'vitest'
import { startI18n } from '.'

vi.mock('./zh', () => {
  throw new Error('the chunk is gone')
})

it('starts in English when the Chinese texts do not load', async () => {
  await startI18n('zh')
  expect(i18next.language).toBe('en')
  expect(i18next.t('action.retry')).toBe('Try again')
})
