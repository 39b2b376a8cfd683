/** A new idempotency key: 1–64 of [A-Za-z0-9_-], random, so that no two intents ever share one. */
export function newKey(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return prefix + '-' + Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
