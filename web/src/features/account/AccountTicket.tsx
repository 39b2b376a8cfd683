import type { ReactNode } from 'react'

/** A form on a ticket; beside it, behind the perforation, what it is good for. */
export function AccountTicket({ stub, children }: { stub: ReactNode; children: ReactNode }) {
  return (
    <div className="ticket grid max-w-3xl sm:grid-cols-[1fr_14rem]">
      <div className="p-5 sm:p-8">{children}</div>
      <aside className="border-t-2 border-dashed border-line p-5 sm:border-t-0 sm:border-l-2 sm:p-6">
        {stub}
      </aside>
    </div>
  )
}

export function Stub({ title, points }: { title: string; points: string[] }) {
  return (
    <div className="flex h-full flex-col justify-between gap-6">
      <p className="font-display text-2xl leading-tight font-semibold text-balance">{title}</p>
      <ul className="grid gap-2 text-sm text-muted">
        {points.map((point) => (
          <li key={point} className="border-t border-line pt-2">
            {point}
          </li>
        ))}
      </ul>
    </div>
  )
}
