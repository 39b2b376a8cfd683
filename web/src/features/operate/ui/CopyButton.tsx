import { Button } from '@/shared/ui/Button'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'

const SAID_MS = 2000

export function CopyButton({ text, label }: { text: string; label: string }) {
  const { t } = useTranslation()
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return
    const timer = window.setTimeout(() => setCopied(false), SAID_MS)
    return () => window.clearTimeout(timer)
  }, [isCopied])
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text)
      setCopied(true)
    } catch {
      setCopied(false) // not allowed here: the text can still be selected
    }
  }
  return (
    <>
      <Button onClick={() => void copy()}>{isCopied ? t('action.copied') : label}</Button>
      <span role="status" className="sr-only">
        {isCopied ? t('action.copied') : ''}
      </span>
    </>
  )
}
