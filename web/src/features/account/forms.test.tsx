import { sessionQuery } from '@/shared/api/session'
import { sessionHint } from '@/shared/api/sessionHint'
import { renderPage } from '@/test/renderPage'
import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { sayFarewell, useFarewell } from './farewell'
import { LogInForm } from './LogInForm'
import { PasswordForm } from './PasswordForm'
import { RegisterForm } from './RegisterForm'

const session = {
  access_token: 'secret.token.text',
  expires_at_ms: 1,
  user: { user_id: '5', username: 'anna', role: 'shopper' },
}
const problem = (status: number, code: string, more = {}) =>
  HttpResponse.json(
    { code, status, request_id: 'r', detail: code, retryable: status === 503, ...more },
    { status },
  )
const server = setupServer()
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

const everythingStored = (): string =>
  JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)])
async function fill(name: string, password: string): Promise<void> {
  await userEvent.type(screen.getByLabelText('Username'), name)
  await userEvent.type(screen.getByLabelText('Password'), password)
}

describe('logging in', () => {
  it('knows who is signed in, and keeps no token', async () => {
    server.use(http.post('*/api/v1/sessions', () => HttpResponse.json(session, { status: 201 })))
    const done = vi.fn()
    const client = await renderPage(<LogInForm onDone={done} />)
    await fill('anna', 'correct horse')
    await userEvent.click(screen.getByRole('button', { name: 'Log in' }))
    await waitFor(() => expect(done).toHaveBeenCalledOnce())
    expect(client.getQueryData(sessionQuery.queryKey)?.user.username).toBe('anna')
    expect(sessionHint.isSet()).toBe(true)
    expect(
      JSON.stringify(
        client
          .getQueryCache()
          .getAll()
          .map((query) => query.state),
      ),
    ).not.toContain('secret')
    expect(everythingStored()).not.toContain('secret')
  })

  it('does not tell which of both was wrong', async () => {
    server.use(http.post('*/api/v1/sessions', () => problem(401, 'unauthenticated')))
    await renderPage(<LogInForm onDone={vi.fn()} />)
    await fill('anna', 'wrong horse')
    await userEvent.click(screen.getByRole('button', { name: 'Log in' }))
    expect(await screen.findByText('Username or password is wrong.')).toBeVisible()
    expect(screen.getByLabelText('Password')).toHaveValue('wrong horse')
  })

  it('explains the queue and waits as long as the server says', async () => {
    const asked = vi.fn()
    server.use(
      http.post('*/api/v1/sessions', () => {
        asked()
        return problem(503, 'busy', { retry_after_ms: 3000 })
      }),
    )
    await renderPage(<LogInForm onDone={vi.fn()} />)
    await fill('anna', 'correct horse')
    await userEvent.click(screen.getByRole('button', { name: 'Log in' }))
    expect(await screen.findByText(/Very many people are logging in/)).toBeVisible()
    await userEvent.click(await screen.findByRole('button', { name: /Again in \d s/ }))
    expect(asked).toHaveBeenCalledOnce()
  })

  it('asks for what is missing, at its place', async () => {
    await renderPage(<LogInForm onDone={vi.fn()} />)
    await userEvent.click(screen.getByRole('button', { name: 'Log in' }))
    expect(screen.getByLabelText('Username')).toHaveFocus()
    expect(screen.getByLabelText('Username')).toHaveAccessibleDescription('Enter your username.')
  })

  it('lets a password be pasted, and be looked at', async () => {
    await renderPage(<LogInForm onDone={vi.fn()} />)
    const field = screen.getByLabelText('Password')
    field.focus()
    await userEvent.paste('pasted secret')
    expect(field).toHaveValue('pasted secret')
    expect(field).toHaveAttribute('autocomplete', 'current-password')
    await userEvent.click(screen.getByRole('button', { name: 'Show what is typed' }))
    expect(field).toHaveAttribute('type', 'text')
  })
})

describe('registering', () => {
  it('sends nothing that the contract refuses', async () => {
    await renderPage(<RegisterForm onDone={vi.fn()} onMade={vi.fn()} />)
    await fill('änna', 'short')
    await userEvent.click(screen.getByRole('button', { name: 'Make the account' }))
    expect(screen.getByText(/Only letters/)).toBeVisible()
    expect(screen.getByText(/At least 8 letters or digits, please/)).toBeVisible()
  })

  it('says that a name is taken, at the name', async () => {
    server.use(http.post('*/api/v1/accounts', () => problem(409, 'username_taken')))
    await renderPage(<RegisterForm onDone={vi.fn()} onMade={vi.fn()} />)
    await fill('anna', 'correct horse')
    await userEvent.click(screen.getByRole('button', { name: 'Make the account' }))
    expect(await screen.findByText(/has this name already/)).toBeVisible()
    expect(screen.getByLabelText('Username')).toHaveFocus()
  })

  it('takes "taken" after an answer that was lost for its own account, if the password fits', async () => {
    let tries = 0
    server.use(
      http.post('*/api/v1/accounts', () =>
        ++tries === 1 ? HttpResponse.error() : problem(409, 'username_taken'),
      ),
      http.post('*/api/v1/sessions', () => HttpResponse.json(session, { status: 201 })),
    )
    const done = vi.fn()
    await renderPage(<RegisterForm onDone={done} onMade={vi.fn()} />)
    await fill('anna', 'correct horse')
    await userEvent.click(screen.getByRole('button', { name: 'Make the account' }))
    await screen.findByText(/cannot be reached/)
    await userEvent.click(screen.getByRole('button', { name: 'Make the account' }))
    await waitFor(() => expect(done).toHaveBeenCalledOnce())
  })
})

it('does not say that an account is made of which it is not known', async () => {
  let tries = 0
  server.use(
    http.post('*/api/v1/accounts', () =>
      ++tries === 1 ? HttpResponse.error() : problem(409, 'username_taken'),
    ),
    http.post('*/api/v1/sessions', () => problem(503, 'busy')),
  )
  const made = vi.fn()
  await renderPage(<RegisterForm onDone={vi.fn()} onMade={made} />)
  await fill('anna', 'correct horse')
  await userEvent.click(screen.getByRole('button', { name: 'Make the account' }))
  await screen.findByText(/cannot be reached/)
  await userEvent.click(screen.getByRole('button', { name: 'Make the account' }))
  await waitFor(() => expect(made).toHaveBeenCalledOnce())
  expect(useFarewell.getState().farewell).toBe('perhapsRegistered')
  sayFarewell(null)
})

describe('changing the password', () => {
  const change = async (): Promise<void> => {
    await userEvent.type(screen.getByLabelText('Current password'), 'correct horse')
    await userEvent.type(screen.getByLabelText('New password'), 'better horse')
    await userEvent.click(screen.getByRole('button', { name: 'Change the password' }))
  }
  it('ends this session too', async () => {
    server.use(http.put('*/api/v1/accounts/me/password', () => new HttpResponse(null, { status: 204 })))
    await renderPage(<PasswordForm username="anna" />)
    sessionHint.set()
    await change()
    await waitFor(() => expect(sessionHint.isSet()).toBe(false))
  })

  it('says that the current one is wrong, and stays signed in', async () => {
    server.use(http.put('*/api/v1/accounts/me/password', () => problem(401, 'unauthenticated')))
    await renderPage(<PasswordForm username="anna" />)
    sessionHint.set()
    await change()
    expect(await screen.findByText('The current password is wrong.')).toBeVisible()
    expect(sessionHint.isSet()).toBe(true)
  })
})
