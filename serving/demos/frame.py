"""What frames a demo's page: the way back to the portal, its language, light and dark.

A visitor's choice of both is kept by the browser for the demo's own host and stands in the page's address, where each request's
Referer tells it: the portal's cookies never come here, and nothing here is another's.
"""

from html import escape
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

import gradio as gr
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from atrium.settings import get_settings
from serving.demos.words import LABELS, Tongue
from serving.models import DemoView

HEAD: Final = """
<script>(() => {
  const page = new URL(location.href);
  const chosen = (parameter, good) => {
    const found = [page.searchParams.get(parameter), localStorage.getItem("atrium" + parameter)].find((one) => good.includes(one));
    if (!found) return "";
    localStorage.setItem("atrium" + parameter, found);
    page.searchParams.set(parameter, found);
    return found;
  };
  const language = chosen("lang", ["en", "zh"]);
  chosen("__theme", ["light", "dark"]);
  history.replaceState(null, "", page);
  if (language) Object.defineProperty(navigator, "language", { get: () => (language === "zh" ? "zh-CN" : "en") });
  document.documentElement.lang = navigator.language.startsWith("zh") ? "zh-CN" : "en";
})();</script>
"""
SCRIPT: Final = """
document.title = element.querySelector("nav").dataset[document.documentElement.lang.startsWith("zh") ? "zh" : "en"];
const other = document.documentElement.lang.startsWith("zh") ? "en" : "zh";
element.querySelector(".atrium-language").addEventListener("click", () => {
  const page = new URL(location.href);
  page.searchParams.set("lang", other);
  location.href = page;
});
element.querySelector(".atrium-theme").addEventListener("click", () => {
  const theme = document.body.classList.toggle("dark") ? "dark" : "light", page = new URL(location.href);
  localStorage.setItem("atrium__theme", theme);
  page.searchParams.set("__theme", theme);
  history.replaceState(null, "", page);
});
"""
SUN_AND_MOON: Final = (
    '<svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true"><circle cx="10" cy="10" r="7.2" fill="none" '
    'stroke="currentColor" stroke-width="1.6"/><path d="M10 2.8a7.2 7.2 0 0 1 0 14.4z" fill="currentColor"/></svg>'
)


def both(key: str) -> str:
    """A label in both languages, of which the page shows its own."""
    return "".join(f'<span class="atrium-{tongue}">{escape(LABELS[tongue][key])}</span>' for tongue in LABELS)


def bar(view: DemoView, titles: tuple[str, str]) -> gr.HTML:
    """The row above a demo: for members the way back to the portal, for everybody the choice of language and of light or dark.

    It also gives the browser's tab the one of `titles` (English, Chinese) that the visitor reads.
    """
    back = f"{get_settings().public_url}/app/demos?project={quote(view.project)}"
    way = "" if view.public else f'<a class="atrium-back" href="{escape(back)}">← {both("back")}</a>'
    text = (
        f'<nav class="atrium-bar-top" data-en="{escape(titles[0])}" data-zh="{escape(titles[1])}">{way}<span></span>'
        '<button type="button" class="atrium-language"><span class="atrium-en" lang="zh-CN">中文</span>'
        '<span class="atrium-zh" lang="en">English</span></button>'
        f'<button type="button" class="atrium-theme">{SUN_AND_MOON}{both("theme")}</button></nav>'
    )
    return gr.HTML(value="", html_template=text, js_on_load=SCRIPT, apply_default_css=False)


async def answer_framed(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Lets the demo answer, with `HEAD` first in its page's head: what Gradio takes as a head comes after it has chosen a language."""
    plain = {**scope, "headers": [one for one in scope["headers"] if one[0] != b"accept-encoding"]}
    begun: list[Message] = []
    body = bytearray()

    async def gather(message: Message) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        page = bytes(body).replace(b"<head>", b"<head>" + HEAD.encode(), 1)
        headers = [one for one in begun[0]["headers"] if one[0].lower() != b"content-length"]
        await send({**begun[0], "headers": [*headers, (b"content-length", str(len(page)).encode())]})
        await send({"type": "http.response.body", "body": page})

    await app(plain, receive, gather)


def chosen_language(connection: HTTPConnection) -> Tongue | None:
    """The language that a page's address asks for, or that of the page that a request comes from; None where neither does."""
    referer = parse_qs(urlsplit(connection.headers.get("referer", "")).query)
    asked = connection.query_params.get("lang") or "".join(referer.get("lang", [])[:1])
    return "zh" if asked == "zh" else "en" if asked == "en" else None
