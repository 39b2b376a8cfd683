export const purchase = {
  title: 'purchase',
}
