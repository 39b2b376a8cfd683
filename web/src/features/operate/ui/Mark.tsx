/** A tick or a cross: the form says it as well as the colour. */
export function Mark({ isGood, className = 'size-6' }: { isGood: boolean; className?: string }) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 24 24"
      fill="none"
      strokeWidth="2.5"
      strokeLinecap="round"
      className={`shrink-0 ${isGood ? 'stroke-good' : 'stroke-bad'} ${className}`}
    >
      <circle cx="12" cy="12" r="10" strokeWidth="2" />
      <path d={isGood ? 'M7.5 12.5l3 3 6-7' : 'M8.5 8.5l7 7M15.5 8.5l-7 7'} />
    </svg>
  )
}
