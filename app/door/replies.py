"""What the front door itself answers when it lets nothing through: the product's one error shape, or a small page."""

from html import escape

from app.door.envoy import Config

LARGEST_TENSOR_BYTES = 64 * 1024 * 1024
LARGEST_FORM_BYTES = 64 * 1024
REQUESTS_PER_SECOND = 20_000
KNOWN = {
    400: ("Invalid", "a path that cannot be read", "paths hold no escaped slashes", "write it plainly"),
    401: (
        "NotSignedIn", "a request without a valid token",
        "a token is signed, not expired, and in the Authorization header", "create one under Settings, Tokens",
    ),
    403: (
        "Forbidden", "a model or path outside the token's projects",
        "a token asks models of its own projects: <project>--<service>", "create a token for that project",
    ),
    404: ("NotFound", "%REQ(:METHOD)% of an address that is nobody's",
          "addresses begin with /app/, /api/, /argo/, /mlflow/, /feast/, /v2/ or /auth/", "open / for the portal"),
    408: ("TimedOut", "a request whose next piece did not come", "headers come within 10 s, a form's pieces within 30 s",
          "send it again"),
    413: ("TooLarge", "a request body that is too large", f"at most {LARGEST_TENSOR_BYTES} bytes", "send fewer rows"),
    429: ("TooManyRequests", "one more request", f"at most {REQUESTS_PER_SECOND} a second", "try again in a second"),
    431: ("TooLarge", "request headers that are too large", "at most 60 KiB and 100 headers", "send fewer, or shorter ones"),
    503: ("Unavailable", "component %UPSTREAM_CLUSTER% (or the gate before it) does not answer", "every component must run",
          "run .venv/bin/atrium doctor"),
}  # fmt: skip
GATES_OWN = frozenset({401, 403, 429})  # the gate words these itself, but for inference, which it does not judge
FORM_TOO_LARGE = (
    "TooLarge",
    "a form that is too large",
    f"at most {LARGEST_FORM_BYTES} bytes",
    "send name and password alone",
)
ARGO_OVER_GRPC = r"/[a-z]+\.(\w*Workflow\w*|Info|Sync|Event|EventSource|Sensor)Service/\w+"
NO_GRPC = (
    "NotFound",
    "Argo's service over gRPC",
    "it is served over HTTP/1.1 under /argo",
    "set ARGO_HTTP1=true and ARGO_BASE_HREF=/argo (or --argo-http1 --argo-base-href /argo) and say it again",
)
PAGES = {
    "zh": {503: ("请稍候", "此部分正在启动或重启。本页会自动重试。"), 404: ("未找到", "此地址没有内容。")},
    "": {
        503: ("One moment", "This part is starting, or starting again. The page tries by itself."),
        404: ("Not found", "There is nothing at this address."),
    },
}
STYLE = (
    ":root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-items:center;"
    "font:16px/1.5 Inter,'Noto Sans CJK SC','PingFang SC',system-ui,sans-serif}main{max-width:26rem;padding:2rem}"
    "h1{font-size:1.25rem;margin:0 0 .5rem}a{color:#5B57EE}"
)
CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


def _status(status: int) -> Config:
    comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"door.{status}"}}
    return {"status_code_filter": {"comparison": comparison}}


def _header(name: str, **match: str | Config) -> Config:
    return {"header_filter": {"header": {"name": name, "string_match": match}}}


def _all(*filters: Config) -> Config:
    return {"and_filter": {"filters": list(filters)}}


def _page(language: str, status: int) -> Config:
    title, text = PAGES[language][status]
    again = '<meta http-equiv="refresh" content="3">' if status == 503 else ""
    html = (
        f'<!doctype html><html lang="{language or "en"}"><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width">{again}<title>{escape(title)} · Atrium</title><style>{STYLE}</style>'
        f'<main><h1>{escape(title)}</h1><p>{escape(text)}</p><p><a href="/">Atrium</a></p></main></html>'
    )
    asked = [_status(status), _header("accept", contains="text/html")]
    if language:
        asked.append(_header("accept-language", prefix=language))
    headers = {"content-security-policy": CSP, "cache-control": "no-store"}
    return {
        "filter": _all(*asked),
        "headers_to_add": [{"header": {"key": key, "value": value}} for key, value in headers.items()],
        "body_format_override": {
            "content_type": "text/html; charset=utf-8",
            "text_format_source": {"inline_string": html.replace("%", "%%")},
        },
    }


def _shape(name: str, asked: str, allowed: str, step: str) -> Config:
    message = f"{asked}: {allowed}. Next: {step}."
    body = {"error": name, "message": message, "asked": asked, "allowed": allowed, "next_step": step}
    return {"json_format": body}


def _json(status: int) -> Config:
    only = _status(status)
    if status in GATES_OWN:
        only = _all(only, _header(":path", prefix="/v2"))
    return {"filter": only, "body_format_override": _shape(*KNOWN[status])}


def replies() -> Config:
    """Envoy's `local_reply_config`: pages for browsers, the one error shape for everything else."""
    pages = [_page(language, status) for language in PAGES for status in PAGES[language]]
    forms = {
        "filter": _all(_status(413), _header(":path", prefix="/auth/")),
        "body_format_override": _shape(*FORM_TOO_LARGE),
    }
    argo = {
        "filter": _all(_status(404), _header(":path", safe_regex={"regex": ARGO_OVER_GRPC})),
        "body_format_override": _shape(*NO_GRPC),
    }
    return {"mappers": [*pages, forms, argo, *(_json(status) for status in KNOWN)]}
