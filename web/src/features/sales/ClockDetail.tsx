import { readClock, type ClockReading } from '@/shared/lib/serverClockStore'
import type { TFunction } from 'i18next'
import { useEffect, useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { deviceDifference, spanOf } from './clock'

const LOOK_MS = 1000

/** How well this page knows the shop's clock: for whoever wonders whether the countdown can be trusted. */
export function ClockDetail() {
  const { t } = useTranslation('sales')
  const [isOpen, setIsOpen] = useState(false)
  return (
    <details className="text-sm" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary className="min-h-11 content-center font-semibold text-muted">{t('clock.title')}</summary>
      <p className="mb-3 text-muted">{t('clock.lead')}</p>
      {isOpen && <Reading />}
    </details>
  )
}

function Reading() {
  const { t } = useTranslation('sales')
  const [reading, setReading] = useState(readClock)
  useEffect(() => {
    const timer = setInterval(() => setReading(readClock()), LOOK_MS)
    return () => clearInterval(timer)
  }, [])
  if (!reading) return <p>{t('clock.unknown')}</p>
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-5 gap-y-1.5">
      <Row name={t('clock.error')}>{t('clock.errorValue', { ms: reading.errorMs.toFixed(1) })}</Row>
      <Row name={t('clock.samples')}>{reading.samples}</Row>
      <Row name={t('clock.offset')}>{t('clock.ms', { value: reading.offsetMs.toFixed(1) })}</Row>
      <Row name={t('clock.device')}>{deviceText(t, reading)}</Row>
    </dl>
  )
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="figures text-right font-semibold">{children}</dd>
    </>
  )
}

function deviceText(t: TFunction<'sales'>, reading: ClockReading): string {
  const difference = deviceDifference(reading.deviceAheadMs, reading.errorMs)
  if (difference === 'same') return t('clock.deviceSame', { ms: Math.ceil(reading.errorMs) })
  const { unit, value } = spanOf(Math.abs(reading.deviceAheadMs))
  const span = t(`clock.${unit}`, { value })
  return difference === 'ahead' ? t('clock.deviceAhead', { span }) : t('clock.deviceBehind', { span })
}
