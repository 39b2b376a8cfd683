import { create } from 'zustand'

export interface Outcome {
  /** A new one for every result, so that the same words are read out again. */
  id: number
  tone: 'good' | 'bad'
  text: string
}

interface OutcomeState {
  outcome: Outcome | null
  say: (tone: Outcome['tone'], text: string) => void
  clear: () => void
}

/** The result of the last thing that an operator did. It stays until it is closed or the next one comes. */
export const useOutcome = create<OutcomeState>((set) => ({
  outcome: null,
  say: (tone, text) => set(({ outcome }) => ({ outcome: { id: (outcome?.id ?? 0) + 1, tone, text } })),
  clear: () => set({ outcome: null }),
}))
