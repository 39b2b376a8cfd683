export const account = {
  logIn: {
    title: 'Log in',
    lead: 'Then you can buy in one tap, and see where every order stands.',
    submit: 'Log in',
    other: 'New here?',
    otherLink: 'Make an account',
  },
  register: {
    title: 'Make an account',
    lead: 'A name and a password are all it takes. Do it before the sale opens.',
    submit: 'Make the account',
    other: 'You have one already?',
    otherLink: 'Log in',
  },
  stub: {
    title: 'Be ready before the minute comes.',
    one: 'One tap when a sale opens',
    two: 'Every order with its whole story',
    three: 'We ask for a name and a password, nothing else',
  },
  account: { title: 'Your account', who: 'Signed in as', role: { shopper: 'Shopper', operator: 'Operator' } },
  name: {
    label: 'Username',
    rule: '3 to 32 characters: letters a–z, digits, and . _ -',
    missing: 'Enter your username.',
    short: 'At least 3 characters, please.',
    long: 'At most 32 characters, please.',
    letters: 'Only letters a–z, digits, and . _ - can be used.',
    taken: 'Somebody has this name already. Choose another.',
  },
  password: {
    label: 'Password',
    current: 'Current password',
    new: 'New password',
    rule: 'At least 8 letters or digits; a few words that belong together only for you are best. An accented letter counts as 2, a Chinese character as 3.',
    missing: 'Enter your password.',
    short: 'At least 8 letters or digits, please. An accented letter counts as 2, a Chinese character as 3.',
    long: 'That is too long: at most 128 letters or digits. An accented letter counts as 2, a Chinese character as 3, an emoji as 4 or more.',
    same: 'This is the password you have now.',
    show: 'Show',
    hide: 'Hide',
    showTyped: 'Show what is typed',
    hideTyped: 'Hide what is typed',
  },
  change: {
    title: 'Change your password',
    lead: 'You will be logged out everywhere, and log in with the new one.',
    submit: 'Change the password',
  },
  logOut: {
    title: 'Log out',
    text: 'Your orders and everything else about you is removed from this device. What you bought stays yours.',
  },
  again: 'Again in {{seconds}} s',
  problem: {
    wrong: 'Username or password is wrong.',
    currentWrong: 'The current password is wrong.',
    queue:
      'Very many people are logging in right now, and checking a password takes a moment. Nothing is lost; try again when the button is ready.',
  },
  farewell: {
    loggedOut: 'You are logged out. Nothing about you is left on this device.',
    loggedOutHere:
      'You are logged out on this device. The shop could not be reached; it is told as soon as there is a connection.',
    passwordChanged: 'Your password is changed, and you are logged out everywhere. Log in with the new one.',
    registered: 'Your account is made. Log in with it.',
    perhapsRegistered:
      'This name has an account now, most likely the one you have just made: its answer was lost. Log in with the password you chose; if it is refused, the name is somebody else’s.',
  },
}
