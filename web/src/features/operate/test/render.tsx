import { makeQueryClient } from '@/shared/api/queryClient'
import { loadOperateTexts, startI18n } from '@/shared/i18n'
import { QueryClientProvider } from '@tanstack/react-query'
import { fireEvent, render, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse, type JsonBodyType } from 'msw'
import { setupServer } from 'msw/node'
import type { ReactNode } from 'react'
import { MemoryRouter } from 'react-router'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { OutcomeBar } from '../ui/OutcomeBar'
import { useOutcome } from '../ui/outcome'

/** A system that a test plays. What it is not told to answer fails the test. */
export const system = setupServer()

export interface Seen {
  method: string
  path: string
  key: string | null
  body: unknown
}

/** What was asked of the system, but for plain reads. */
export const seen: Seen[] = []

export function playSystem(): void {
  beforeAll(async () => {
    system.listen({ onUnhandledRequest: 'error' })
    await startI18n('en')
    await loadOperateTexts()
  })
  afterEach(() => {
    system.resetHandlers()
    seen.length = 0
    useOutcome.setState({ outcome: null })
  })
  afterAll(() => system.close())
}

type Method = 'get' | 'post' | 'patch'
type Answer = JsonBodyType | Response
type Play = (body: unknown, nth: number) => Answer | Promise<Response>

/** Answers a call; a refusal is made by `refusal`. */
export function answers(method: Method, path: string, play: Play): void {
  let nth = 0
  system.use(
    http[method](`*/api/v1${path}`, async ({ request }) => {
      const text = method === 'get' ? '' : await request.text()
      const body: unknown = text ? JSON.parse(text) : null
      if (method !== 'get')
        seen.push({
          method,
          path: new URL(request.url).pathname.replace('/api/v1', ''),
          key: request.headers.get('Idempotency-Key'),
          body,
        })
      const answer = await play(body, nth++)
      return answer instanceof Response ? answer : HttpResponse.json(answer)
    }),
  )
}

/** Answers a call when the gate is opened. */
export function slowly(method: Method, path: string, play: () => Response): { open: () => void } {
  const gate = { open: (): void => undefined }
  const opened = new Promise<void>((resolve) => (gate.open = resolve))
  answers(method, path, () => opened.then(play))
  return gate
}

/** Tries every way to close a dialog that is busy. */
export async function triesToClose(dialog: HTMLElement, cancel: string): Promise<void> {
  expect(await within(dialog).findByRole('button', { name: cancel })).toBeDisabled()
  await userEvent.keyboard('{Escape}')
  await userEvent.click(within(dialog).getByRole('button', { name: 'Close' }))
  fireEvent.pointerDown(document.body)
  expect(dialog).toBeInTheDocument()
}

export function refusal(
  status: number,
  code: string,
  detail = code,
  more: Record<string, unknown> = {},
): Response {
  const problem = {
    type: `urn:${code}`,
    title: code,
    status,
    detail,
    code,
    request_id: 'r1',
    trace_id: 't1',
    ...more,
  }
  return HttpResponse.json({ retryable: false, ...problem }, { status })
}

export function open(page: ReactNode, at = '/operate') {
  return render(
    <QueryClientProvider client={makeQueryClient()}>
      <MemoryRouter initialEntries={[at]}>
        {page}
        <OutcomeBar />
      </MemoryRouter>
    </QueryClientProvider>,
  )
}
