"""The sign-in page's words, in the browser's language."""

WORDS = {
    "en": {
        "title": "Sign in", "name": "Name", "password": "Password", "enter": "Sign in", "other": "中文",
        "lead": "Data, features, pipelines, models and services of your team, in one place.",
        "wrong": "This name and password do not belong together. Check both and try again.",
        "slow": "Too many wrong passwords. Wait a little, then try again.",
        "full": "The platform's disk is full. Free some room on it, then try again; nothing must be restarted.",
        "change": "Change password", "old": "Present password", "new": "New password", "save": "Change it",
        "saved": "The password was changed; your other sessions have ended.",
        "weak": "A password has 10 to 200 characters and is not your name. Choose a longer one, like four random words.",
        "old_wrong": "The present password is not right. Type it again.",
        "back": "Back to Atrium", "rule": "10 to 200 characters, and not your name.",
        "hint": "No account, or the password is lost? Ask your team's administrator.",
        "members": "For members only", "no_role": "You are signed in, but have no role in the project {project}. Ask one of its admins to add you.",
        "another": "Sign in as somebody else",
    },
    "zh": {
        "title": "登录", "name": "用户名", "password": "密码", "enter": "登录", "other": "English",
        "lead": "团队的数据、特征、流水线、模型与服务，尽在一处。",
        "wrong": "用户名与密码不匹配，请检查后重试。",
        "slow": "密码错误次数过多，请稍候再试。",
        "full": "平台磁盘已满。请先释放空间再重试，无需重启任何组件。",
        "change": "修改密码", "old": "当前密码", "new": "新密码", "save": "修改",
        "saved": "密码已修改，您的其他会话已结束。",
        "weak": "密码需为 10 至 200 个字符，且不能与用户名相同。建议使用四个随机词语。",
        "old_wrong": "当前密码不正确，请重新输入。",
        "back": "返回 Atrium", "rule": "10 至 200 个字符，且不能与用户名相同。", "hint": "没有账号或忘记密码？请联系团队的管理员。",
        "members": "仅限项目成员", "no_role": "您已登录，但在项目 {project} 中没有角色。请联系该项目的管理员将您加入。",
        "another": "换一个账号登录",
    },
}  # fmt: skip


def language(asked: str | None, accepted: str, kept: str = "") -> str:
    """`zh` or `en`: what was asked for, else what was chosen before, else the first of the two that the browser accepts."""
    if asked in WORDS:
        return str(asked)
    if kept[:2] in WORDS:
        return kept[:2]
    for part in accepted.lower().split(","):
        if part.strip()[:2] in WORDS:
            return part.strip()[:2]
    return "en"
