import * as Radix from '@radix-ui/react-dialog'
import { useRef, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'

/** A question over the page: focus stays in it, Escape and the backdrop close it, and focus goes back to what opened it. */
export function Dialog({
  isOpen,
  onClose,
  title,
  description,
  children,
}: {
  isOpen: boolean
  onClose: () => void
  title: string
  description?: string
  children: ReactNode
}) {
  const { t } = useTranslation()
  const opener = useRef<Element | null>(null)
  return (
    <Radix.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/60" />
        <Radix.Content
          {...(description ? {} : { 'aria-describedby': undefined })}
          onOpenAutoFocus={() => {
            opener.current = document.activeElement
          }}
          onCloseAutoFocus={(event) => {
            // Radix knows triggers of its own only; an opener that is gone leaves the focus to the page's heading.
            event.preventDefault()
            const next = opener.current?.isConnected ? opener.current : document.querySelector('h1')
            if (next instanceof HTMLElement) next.focus({ preventScroll: true })
          }}
          className="fixed inset-x-0 bottom-0 z-50 max-h-[90dvh] overflow-y-auto rounded-t-2xl bg-card p-6 shadow-xl sm:inset-auto sm:top-1/2 sm:left-1/2 sm:w-[32rem] sm:max-w-[90vw] sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-2xl"
        >
          <div className="mb-4 flex items-start justify-between gap-4">
            <Radix.Title className="text-xl font-semibold">{title}</Radix.Title>
            <Radix.Close
              aria-label={t('action.close')}
              className="grid size-11 shrink-0 place-items-center rounded-lg hover:bg-sunken"
            >
              <svg
                aria-hidden="true"
                viewBox="0 0 20 20"
                className="size-5"
                fill="none"
                stroke="currentColor"
                strokeWidth="2"
              >
                <path d="M4 4l12 12M16 4L4 16" />
              </svg>
            </Radix.Close>
          </div>
          {description && <Radix.Description className="mb-4 text-muted">{description}</Radix.Description>}
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
