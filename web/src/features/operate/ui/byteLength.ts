/** The contract counts bytes of UTF-8, not characters. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length
}
