import type { account as source } from '../en/account'

export const account: typeof source = {
  logIn: {
    title: '登录',
    lead: '登录后一键即可购买，每笔订单的进展一目了然。',
    submit: '登录',
    other: '第一次来？',
    otherLink: '创建账户',
  },
  register: {
    title: '创建账户',
    lead: '只需用户名和密码。建议在开抢之前完成。',
    submit: '创建账户',
    other: '已经有账户？',
    otherLink: '去登录',
  },
  stub: {
    title: '开抢之前，先准备好。',
    one: '开抢时一键购买',
    two: '每笔订单的完整经过',
    three: '只需要用户名和密码，别无其他',
  },
  account: { title: '您的账户', who: '当前登录', role: { shopper: '顾客', operator: '运营人员' } },
  name: {
    label: '用户名',
    rule: '3 到 32 个字符：字母 a–z、数字以及 . _ -',
    missing: '请输入用户名。',
    short: '至少需要 3 个字符。',
    long: '最多 32 个字符。',
    letters: '只能使用字母 a–z、数字以及 . _ -。',
    taken: '这个名字已被使用，请换一个。',
  },
  password: {
    label: '密码',
    current: '当前密码',
    new: '新密码',
    rule: '至少 8 个字节（字母或数字算 1 个，汉字算 3 个）；用几个只有您才会联想到一起的词最好。',
    missing: '请输入密码。',
    short: '至少需要 8 个字节：字母或数字算 1 个，汉字算 3 个。',
    long: '太长了：最多 128 个字节。字母或数字算 1 个，汉字算 3 个，表情符号算 4 个或更多。',
    same: '这就是您现在的密码。',
    show: '显示',
    hide: '隐藏',
    showTyped: '显示输入内容',
    hideTyped: '隐藏输入内容',
  },
  change: {
    title: '修改密码',
    lead: '修改后所有设备都会退出登录，请用新密码重新登录。',
    submit: '修改密码',
  },
  logOut: {
    title: '退出登录',
    text: '您的订单和其他个人内容会从此设备上移除。您购买的一切仍属于您。',
  },
  again: '{{seconds}} 秒后可重试',
  problem: {
    wrong: '用户名或密码错误。',
    currentWrong: '当前密码错误。',
    queue: '现在登录的人非常多，校验密码需要一点时间。不会丢失任何内容，请在按钮可用时重试。',
  },
  farewell: {
    loggedOut: '您已退出登录，此设备上不再保留您的任何内容。',
    loggedOutHere: '您已在此设备上退出登录。暂时无法连接商店，恢复连接后会立即通知商店。',
    passwordChanged: '密码已修改，所有设备均已退出登录。请用新密码登录。',
    registered: '账户已创建，请登录。',
    perhapsRegistered:
      '这个用户名已有账户，很可能就是您刚才创建的，只是没有收到答复。请用您设置的密码登录；如果密码不对，说明这个名字属于别人。',
  },
}
