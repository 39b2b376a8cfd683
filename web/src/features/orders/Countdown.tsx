import { splitSpan, twoDigits } from '@/shared/lib/time'

/** Hours, minutes, seconds; of one width, so that nothing moves. The last second is shown until it is over. */
export function Countdown({ leftMs, className = '' }: { leftMs: number; className?: string }) {
  const span = splitSpan(Math.ceil(leftMs / 1000) * 1000)
  const hours = span.days * 24 + span.hours
  return (
    <span role="timer" className={`figures ${className}`}>
      {hours > 0 && `${hours}:`}
      {twoDigits(span.minutes)}:{twoDigits(span.seconds)}
    </span>
  )
}
