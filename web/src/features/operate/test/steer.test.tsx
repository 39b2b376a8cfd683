import { act, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { useState } from 'react'
import { describe, expect, it } from 'vitest'
import { CountForm } from '../actors/CountForm'
import { LimitsPage } from '../limits/LimitsPage'
import { answers, open, playSystem, refusal, seen, slowly } from './render'
import { limitsOf } from './samples'

playSystem()

/** A slip of a digit does not shut the shop: what lets through far less is asked about, and a failure of it is told where it was asked. */
describe('a sharp cut of the limits', () => {
  it('is warned about at its field and sent only when it is confirmed', async () => {
    answers('get', '/admin/limits', () => ({ limits: limitsOf() }))
    answers('patch', '/admin/limits', (_, nth) =>
      nth === 0
        ? refusal(503, 'busy', 'x', { retry_after_ms: 2000 })
        : { limits: { ...limitsOf(), global: { rate_per_s: 50, burst: 0 } } },
    )
    open(<LimitsPage />)
    const rate = (await screen.findAllByLabelText('Per second')).at(-1) as HTMLElement
    await userEvent.clear(rate)
    await userEvent.type(rate, '50')
    expect(rate).toHaveAccessibleDescription(/Less than a tenth/)
    await userEvent.click(screen.getByRole('button', { name: 'Apply' }))
    const dialog = await screen.findByRole('dialog', { name: 'Let through far less?' })
    expect(within(dialog).getByText('5000 → 50')).toBeVisible()
    expect(seen).toEqual([])
    await userEvent.click(within(dialog).getByRole('button', { name: 'Apply' }))
    expect(await within(dialog).findByRole('alert')).toHaveTextContent('Try again in 2 s')
    await userEvent.click(within(dialog).getByRole('button', { name: 'Apply' }))
    expect(await screen.findByText(/limits are in force/)).toBeVisible()
    expect(screen.queryByRole('dialog')).toBeNull()
    expect(seen.map(({ body }) => body)).toEqual(Array(2).fill({ limits: { global: { rate_per_s: 50 } } }))
  })
})

it('a failure is told also to who has gone to another page before it came', async () => {
  answers('get', '/admin/limits', () => ({ limits: limitsOf() }))
  const gate = slowly('patch', '/admin/limits', () => refusal(503, 'busy', 'x', { retry_after_ms: 2000 }))
  open(<Leaving />)
  const burst = (await screen.findAllByLabelText('At once'))[0] as HTMLElement
  await userEvent.type(burst, '1')
  await userEvent.click(screen.getByRole('button', { name: 'Apply' }))
  await userEvent.click(screen.getByRole('button', { name: 'Leave' }))
  expect(screen.queryByLabelText('At once')).toBeNull()
  gate.open()
  expect(await screen.findByText(/Try again in 2 s/)).toBeVisible()
})

function Leaving() {
  const [isHere, setHere] = useState(true)
  return (
    <>
      {isHere && <LimitsPage />}
      <button onClick={() => setHere(false)}>Leave</button>
    </>
  )
}

/** A goal counts until it is reached; from then on the number of those that are there does, whoever changes it. */
describe('the number of processes', () => {
  it('follows what is there once the goal was reached', async () => {
    answers('post', '/admin/actors/seckill', (body) => ({ kind: 'seckill', ...(body as object) }))
    const { show } = openCount(1)
    const apply = screen.getByRole('button', { name: 'Apply: Seckill' })
    await userEvent.click(screen.getByRole('button', { name: 'One more: Seckill' }))
    await userEvent.click(apply)
    expect(await screen.findByText('1 of 2 are there')).toBeVisible()
    expect(apply).toBeDisabled()
    show(2)
    show(1) // somebody else took one away
    expect(screen.getByRole('textbox')).toHaveValue('1')
    expect(screen.queryByText('1 of 2 are there')).toBeNull()
    await userEvent.click(screen.getByRole('button', { name: 'One more: Seckill' }))
    expect(apply).toBeEnabled()
    await userEvent.click(apply)
    expect(await screen.findByText('1 of 2 are there')).toBeVisible()
    expect(seen.map(({ body }) => body)).toEqual([{ count: 2 }, { count: 2 }])
  })
})

function openCount(present: number): { show: (present: number) => void } {
  let show: (present: number) => void = () => undefined
  function Host() {
    const [count, setCount] = useState(present)
    show = setCount
    return <CountForm kind="seckill" present={count} />
  }
  open(<Host />)
  return { show: (count) => act(() => show(count)) }
}
