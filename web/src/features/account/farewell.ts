import { create } from 'zustand'

/** Why nobody is signed in any more; said by the log-in page that one then comes to. */
export type Farewell = 'loggedOut' | 'loggedOutHere' | 'passwordChanged' | 'registered' | 'perhapsRegistered'

export const useFarewell = create<{ farewell: Farewell | null }>(() => ({ farewell: null }))

export function sayFarewell(farewell: Farewell | null): void {
  useFarewell.setState({ farewell })
}
