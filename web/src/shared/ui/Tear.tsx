/** Where a ticket's stub is torn off: a perforation between two holes. For inside a `ticket` with hidden overflow. */
export function Tear() {
  const hole = 'absolute -top-[9px] size-[18px] rounded-full bg-paper ring-1 ring-line'
  return (
    <div aria-hidden="true" className="relative border-t-2 border-dashed border-line">
      <span className={`${hole} -left-[9px]`} />
      <span className={`${hole} -right-[9px]`} />
    </div>
  )
}
