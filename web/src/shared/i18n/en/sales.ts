export const sales = {
  title: 'sales',
}
