import {
  forwardRef,
  useId,
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
} from 'react'

const control =
  'w-full min-h-11 rounded-lg border border-edge bg-card px-3 py-2 text-base text-ink placeholder:text-muted aria-[invalid=true]:border-bad disabled:bg-sunken disabled:text-muted'

interface Common {
  label: string
  hint?: ReactNode
  /** What is wrong with it, in words. */
  error?: string | undefined
  className?: string
}

/** Label, hint and error belong to the control for readers as well as for eyes. */
function Frame({
  label,
  hint,
  error,
  className = '',
  id,
  children,
}: Common & { id: string; children: ReactNode }) {
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block font-semibold">
        {label}
      </label>
      {children}
      {hint && (
        <p id={`${id}-hint`} className="mt-1 text-sm text-muted">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} role="alert" className="mt-1 text-sm font-semibold text-bad">
          {error}
        </p>
      )}
    </div>
  )
}

function described(id: string, hint: ReactNode, error: string | undefined): string | undefined {
  const ids = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean)
  return ids.length > 0 ? ids.join(' ') : undefined
}

/** What every control says of itself. */
function looks(id: string, hint: ReactNode, error: string | undefined) {
  return {
    'aria-invalid': error ? true : undefined,
    'aria-describedby': described(id, hint, error),
    className: control,
  }
}

type InputProps = Common & InputHTMLAttributes<HTMLInputElement>

export const TextField = forwardRef<HTMLInputElement, InputProps>(function TextField(
  { label, hint, error, className, ...rest },
  ref,
) {
  const id = useId()
  return (
    <Frame label={label} hint={hint} error={error} id={id} {...(className ? { className } : {})}>
      <input {...rest} ref={ref} id={id} {...looks(id, hint, error)} />
    </Frame>
  )
})

type AreaProps = Common & TextareaHTMLAttributes<HTMLTextAreaElement>

export const TextArea = forwardRef<HTMLTextAreaElement, AreaProps>(function TextArea(
  { label, hint, error, className, ...rest },
  ref,
) {
  const id = useId()
  return (
    <Frame label={label} hint={hint} error={error} id={id} {...(className ? { className } : {})}>
      <textarea {...rest} ref={ref} id={id} {...looks(id, hint, error)} />
    </Frame>
  )
})

type SelectProps = Common & SelectHTMLAttributes<HTMLSelectElement>

export const SelectField = forwardRef<HTMLSelectElement, SelectProps>(function SelectField(
  { label, hint, error, className, children, ...rest },
  ref,
) {
  const id = useId()
  return (
    <Frame label={label} hint={hint} error={error} id={id} {...(className ? { className } : {})}>
      <select {...rest} ref={ref} id={id} {...looks(id, hint, error)}>
        {children}
      </select>
    </Frame>
  )
})
