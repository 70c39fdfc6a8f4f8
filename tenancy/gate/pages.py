"""The gate's own pages: plain HTML without scripts, light and dark by the browser's wish."""

from html import escape
from urllib.parse import quote

from starlette.responses import HTMLResponse

from atrium.settings import get_settings
from tenancy.gate.words import WORDS

# a browser holds form-action against where a form's answer leads, too: after signing in, to the demo that asked for it
CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' {demos}; frame-ancestors 'none'; base-uri 'none'"
)
STYLE = """
:root{color-scheme:light dark;--bg:light-dark(#FCFCFD,#0B0D12);--card:light-dark(#fff,#12151C);--ink:light-dark(#111827,#E6E8EC);
--soft:light-dark(#475467,#98A2B3);--line:light-dark(#E4E7EC,#262B36);--edge:light-dark(#858FA1,#667085);--fill:light-dark(#4F46E5,#818CF8);
--on:light-dark(#fff,#0B0D12);--bad:light-dark(#B42318,#FDA29B);--good:light-dark(#067647,#6CE9A6)}
:root.Light{color-scheme:light}:root.Dark{color-scheme:dark}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--bg);color:var(--ink);
font:16px/1.5 Inter,'Noto Sans CJK SC','PingFang SC','Microsoft YaHei',system-ui,sans-serif}
main{width:min(400px,92vw);background:var(--card);border:1px solid var(--line);border-radius:12px;padding:36px 32px}
.brand{display:flex;gap:10px;align-items:center;font-weight:650;font-size:20px}.brand svg{width:28px;height:28px}
p{color:var(--soft);margin:10px 0 22px;font-size:14px}h1{font-size:18px;margin:18px 0 4px}
label{display:block;font-size:14px;font-weight:550;margin:14px 0 6px}
input{width:100%;padding:10px 12px;font:inherit;color:inherit;background:var(--bg);border:1px solid var(--edge);border-radius:8px}
input:focus,button:focus,a:focus{outline:2px solid var(--fill);outline-offset:2px}
button{width:100%;margin-top:22px;padding:11px;font:inherit;font-weight:600;color:var(--on);background:var(--fill);border:0;border-radius:8px;cursor:pointer}
.good{color:var(--good);border-left:3px solid var(--good);padding-left:10px}
.bad{color:var(--bad);border-left:3px solid var(--bad);padding-left:10px}
.rule{font-size:13px;margin:6px 0 0}
.foot{margin-top:20px;font-size:13px;color:var(--soft);display:flex;justify-content:space-between;gap:16px}
.foot a{color:inherit;white-space:nowrap}
"""
MARK = (
    '<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#4F46E5"/>'
    '<path d="M8 23V13l8-6 8 6v10M13 23v-7h6v7" fill="none" stroke="#fff" stroke-width="2.4" stroke-linejoin="round"/></svg>'
)


def _page(title: str, tongue: str, body: str, status: int, theme: str) -> HTMLResponse:
    lang = "zh-CN" if tongue == "zh" else "en"
    looks = f' class="{theme}"' if theme in ("Light", "Dark") else ""
    html = (
        f'<!doctype html><html lang="{lang}"{looks}><head><meta charset="utf-8"><title>{escape(title)} · Atrium</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head>'
        f'<body><main><div class="brand">{MARK}<span>Atrium</span></div>{body}</main></body></html>'
    )
    headers = {
        "Content-Security-Policy": CSP.format(demos=get_settings().content_hosts),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(html, status, headers | {"Referrer-Policy": "same-origin"})


def _message(text: str) -> str:
    return f'<p class="bad" role="alert">{escape(text)}</p>' if text else ""


def login_page(
    tongue: str, target: str, problem: str = "", name: str = "", status: int = 200, theme: str = ""
) -> HTMLResponse:
    """The sign-in form; `target` is where a right answer leads, `problem` a key of the words or empty, `theme` as chosen."""
    say = WORDS[tongue]
    other = "en" if tongue == "zh" else "zh"
    body = (
        f"<p>{say['lead']}</p><h1>{say['title']}</h1>{_message(say[problem] if problem else '')}"
        f'<form method="post" action="/auth/login?lang={tongue}"><input type="hidden" name="next" value="{escape(target)}">'
        f'<label for="name">{say["name"]}</label><input id="name" name="name" autocomplete="username" required autofocus '
        f'maxlength="60" value="{escape(name)}">'
        f'<label for="password">{say["password"]}</label><input id="password" name="password" type="password" '
        f'autocomplete="current-password" required maxlength="200"><button>{say["enter"]}</button></form>'
        f'<div class="foot"><span>{say["hint"]}</span><a href="/auth/login?lang={other}&amp;next={quote(target)}">{say["other"]}</a></div>'
    )
    return _page(say["title"], tongue, body, status, theme)


def members_page(tongue: str, project: str, theme: str = "") -> HTMLResponse:
    """Says that an item is for members of its project, with the ways on; for who is signed in and is none."""
    say, portal = WORDS[tongue], get_settings().public_url
    body = (
        f'<h1>{say["members"]}</h1><p role="alert">{escape(say["no_role"].format(project=project))}</p>'
        f'<div class="foot"><a href="{portal}/app/">{say["back"]}</a><a href="{portal}/auth/logout">{say["another"]}</a></div>'
    )
    return _page(say["members"], tongue, body, 403, theme)


def password_page(
    tongue: str, problem: str = "", saved: bool = False, status: int = 200, theme: str = ""
) -> HTMLResponse:
    """The form to change one's own password; `problem` is a key of the words or empty, `theme` as chosen."""
    say = WORDS[tongue]
    done = f'<p class="good" role="status">{say["saved"]}</p>' if saved else ""
    body = (
        f"<h1>{say['change']}</h1>{_message(say[problem] if problem else '')}{done}<form method='post' action='/auth/password?lang={tongue}'>"
        f'<label for="old">{say["old"]}</label><input id="old" name="old" type="password" autocomplete="current-password" required>'
        f'<label for="new">{say["new"]}</label><input id="new" name="new" type="password" autocomplete="new-password" required '
        f'minlength="10" maxlength="200" aria-describedby="rule"><p id="rule" class="rule">{say["rule"]}</p><button>{say["save"]}</button></form>'
        f'<div class="foot"><a href="/app/">{say["back"]}</a></div>'
    )
    return _page(say["change"], tongue, body, status, theme)
