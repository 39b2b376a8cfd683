/** Where things are, and what is said when one of them fails. */
export const places = {
  title: 'Operate',
  nav: {
    label: 'Operate',
    here: 'Operate:',
    sales: 'Sales',
    actors: 'Actors',
    limits: 'Limits',
    deadLetters: 'Dead letters',
    order: 'Find order',
    log: 'Log',
    traces: 'Traces',
  },
  stale: 'The last answer did not come. These are the numbers from before; the page keeps asking.',
  failed: {
    unknown:
      'No answer came, so we do not know whether it was done. Look at the present state, or simply do it again: that is safe.',
    createUnknown:
      'No answer came, so the draft may exist already. Look in the list of sales before you create it again.',
    editState:
      'The sale has moved on, and its state does not allow one of these changes. Nothing was changed. Reload the page to see what can be changed now.',
    stepState: 'The sale is in another state by now, so this step is not possible. Nothing was changed.',
    stockState:
      'Nothing was changed: fewer units are left than you want to take, more than ten million there would be, or the sale has ended. Look at what is left and try another number.',
    stockKey:
      'Another change was made under this key, so this one was refused. Nothing was changed. Send it again: it gets a new key.',
    requeueState:
      'It cannot become an order: it was discarded, cannot be read, or there is nothing to bring back. If it is still in the list, discard it.',
    requeueSoldOut: 'No unit is left for it. Add stock to the sale, then requeue it; or discard it.',
    requeueHasOrder: 'The shopper has another order in this sale ({{order}}). Discard this letter.',
    discardState: 'It is an order already, or about to become one. Look at the order instead.',
    cancelState: 'The order is paid or has ended otherwise, so it cannot be cancelled. Nothing was changed.',
  },
  invalid: {
    required: 'Please fill this in.',
    tooLong: 'This is too long.',
    path: 'A path of this site, such as /images/kettle.webp; or nothing.',
    money: 'An amount such as 49.90, without a currency sign and without thousands separators.',
    decimals: 'This currency does not have so many decimals.',
    priceRange: 'At most 1,000,000,000 of the smallest unit, 10,000,000.00 in most currencies.',
    currency: 'Three letters, such as EUR.',
    wholeNumber: 'A whole number.',
    stockRange: 'From 0 to 10,000,000.',
    limitRange: 'From 1 to 100.',
    payRange: 'From 1 second to 86,400, which is one day.',
    time: 'A date and a time.',
    noSuchTime: 'This time does not exist: clocks go forward over it. Choose another.',
    timeRange: 'Between 1970 and 2255.',
    endsBeforeStarts: 'A sale ends after it starts.',
    units: 'From 1 to 10,000,000.',
    count: 'A whole number from 0 to 64.',
    needsOne: 'At least one must run: without it nothing can be steered from here any more.',
    limitValue: 'From 0 to 100,000,000.',
    window: 'From 1 to 3,600,000 ms, which is one hour.',
    orderId: 'This is not an order number. It has 32 hexadecimal digits, with or without hyphens.',
  },
  traces: {
    title: 'Traces',
    lead: 'The path of one request over all actors, drawn step by step, will be here when tracing is built. Until then this page shows nothing rather than something made up.',
    idsTitle: 'What every answer already carries',
    requestId:
      'The name of one request. It stands in every answer and in every refusal, and shoppers see it as the reference of an error.',
    traceparent:
      'W3C Trace Context. A client that sends one is continued; otherwise the edge begins one. All actors that a request passes get the same trace.',
    shape: 'Version, trace of 32 digits, span of 16 digits, flags. An example, not a real request.',
    nowTitle: 'Until then',
    now: 'What became of a purchase stands in the timeline of its order, from real messages. Load and queues of every process are with the actors.',
  },
}
