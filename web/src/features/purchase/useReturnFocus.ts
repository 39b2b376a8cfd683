import { useEffect, useRef, type RefObject } from 'react'

/**
 * What is tapped below the buy button goes away with the attempt's phase: the focus then goes up to the buy button, not to nowhere.
 * @returns makes an action one that returns the focus
 */
export function useReturnFocus(button: RefObject<HTMLButtonElement>, phase: string) {
  const isReturning = useRef(false)
  useEffect(() => {
    if (!isReturning.current) return
    isReturning.current = false
    button.current?.focus({ preventScroll: true })
  }, [button, phase])
  return (act: () => void) => (): void => {
    isReturning.current = true
    act()
  }
}
