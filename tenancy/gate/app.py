"""The gate's routes."""

import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote, unquote, urlsplit

from fastapi import FastAPI, Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

import tenancy
from atrium.errors import Forbidden, Invalid, NotSignedIn, error_body
from atrium.home import get_home
from atrium.identity import IDENTITY_HEADER, Kind, Verb, mint_identity, require
from atrium.looks import LANGUAGE_COOKIE, THEME_COOKIE
from atrium.settings import get_settings
from atrium.storage import StorageFull
from atrium.web import new_app
from tenancy.gate.judge import ForeignOrigin, check_origin, content_cookie_name, content_item, cookie_name, judge
from tenancy.gate.pages import login_page, members_page, password_page
from tenancy.gate.words import WORDS, language

HOME = "/app/"
YEAR_SECONDS = 365 * 86400
LONGEST_LOADING_SECONDS = 180
CHECK, CONTENT_CHECK = "/auth/check", "/auth/content-check"
PublicItem = Callable[[str], bool]


def local_path(target: str) -> str:
    """`target` if it is a path of this host, else the portal: a sign-in never leads elsewhere."""
    plain = unquote(target)
    parts = urlsplit(plain)
    leads_away = parts.scheme or parts.netloc or not plain.startswith("/") or plain[1:2] in ("/", "\\")
    return HOME if leads_away or any(ord(letter) < 32 for letter in plain) else target


def _tongue(request: Request) -> str:
    kept = request.cookies.get(LANGUAGE_COOKIE, "")
    return language(request.query_params.get("lang"), request.headers.get("accept-language", ""), kept)


def _theme(request: Request) -> str:
    return request.cookies.get(THEME_COOKIE, "")


def _keep_language(request: Request, response: Response) -> None:
    """Keeps a language that was chosen here, for the portal too; its pages may read the cookie."""
    if request.query_params.get("lang") in WORDS:
        kept = {"zh": "zh_CN"}.get(_tongue(request), "en")
        secure = get_settings().scheme == "https"
        response.set_cookie(LANGUAGE_COOKIE, kept, max_age=YEAR_SECONDS, samesite="lax", secure=secure, path="/")


def _address(request: Request) -> str:
    return request.headers.get("x-forwarded-for", "unknown").split(",")[-1].strip()


def _set_cookie(response: Response, name: str, value: str) -> None:
    secure = get_settings().scheme == "https"
    seconds = int(get_settings().session_hours * 3600)
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=secure, path="/")


def _wants_page(request: Request) -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def _with_query(request: Request, path: str) -> str:
    return path + (f"?{request.url.query}" if request.url.query else "")


def _to_login(request: Request, path: str) -> Response:
    asked = quote(_with_query(request, path), safe="")
    return RedirectResponse(f"/auth/login?next={asked}", 302, {"Cache-Control": "no-store"})


def _check(request: Request, path: str) -> Response:
    try:
        judged = judge(request)
    except NotSignedIn as error:
        if _wants_page(request):
            return _to_login(request, path)
        headers = {"WWW-Authenticate": 'Bearer realm="atrium"'}
        return JSONResponse(
            error_body(error, accepted=request.headers.get("accept-language", "")), error.status, headers
        )
    response = Response(headers={IDENTITY_HEADER: mint_identity(judged.who)})
    if judged.cookie:
        _set_cookie(response, cookie_name(), judged.cookie)
    return response


def _content_check(request: Request, path: str, is_public: PublicItem) -> Response:
    item = content_item(request)
    try:
        cookie = request.cookies.get(content_cookie_name())
        if not cookie:
            raise NotSignedIn("a request without a session", "sign in first", "open the demo from the portal")
        check_origin(request)
        who = tenancy.actor_of_content_session(cookie, item)
        require(who, Verb.READ, item.partition("--")[2])
        return Response(headers={IDENTITY_HEADER: mint_identity(who)})
    except (NotSignedIn, Forbidden) as error:
        if item and is_public(item) and not isinstance(error, ForeignOrigin):
            return Response()
        if item and _wants_page(request) and isinstance(error, NotSignedIn):
            target = quote(_with_query(request, path), safe="")
            return RedirectResponse(f"{get_settings().public_url}/auth/content?item={item}&next={target}", 302)
        if item and _wants_page(request) and not isinstance(error, ForeignOrigin):
            return members_page(_tongue(request), item.partition("--")[2], _theme(request))
        return JSONResponse(error_body(error, accepted=request.headers.get("accept-language", "")), error.status)


def _content_host(item: str) -> str:
    name, _, project = item.partition("--")
    return get_settings().content_address(name, project)


def _add_sign_in(app: FastAPI) -> None:
    @app.get("/auth/login")
    def show_login(request: Request, next: str = HOME) -> Response:
        """The sign-in page."""
        response = login_page(_tongue(request), local_path(next), theme=_theme(request))
        _keep_language(request, response)
        return response

    @app.post("/auth/login")
    def sign_in(request: Request, name: str = Form(""), password: str = Form(""), next: str = Form(HOME)) -> Response:
        """Opens a session, or shows what is wrong."""
        check_origin(request, always=True)
        tongue, target = _tongue(request), local_path(next)
        try:
            cookie = tenancy.sign_in(name.strip(), password, _address(request))
        except tenancy.WrongPassword as error:
            return login_page(tongue, target, "wrong", name, error.status, _theme(request))
        except tenancy.SignInSlowedDown as error:
            return login_page(tongue, target, "slow", name, error.status, _theme(request))
        except StorageFull as error:
            return login_page(tongue, target, "full", name, error.status, _theme(request))
        response = RedirectResponse(target, 303)
        _set_cookie(response, cookie_name(), cookie)
        return response

    @app.post("/auth/logout")
    @app.get("/auth/logout")
    def sign_out(request: Request) -> Response:
        """Ends the session; a link from a page of another site ends nothing."""
        response = RedirectResponse("/auth/login", 303)
        if request.method == "POST" or request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none"):
            cookie = request.cookies.get(cookie_name())
            with suppress(NotSignedIn):  # it has ended already
                tenancy.sign_out(tenancy.actor_of_session(cookie or ""))
            response.delete_cookie(cookie_name(), path="/")
        return response

    @app.get("/auth/password")
    def show_password(request: Request) -> Response:
        """The form to change one's own password."""
        try:
            judge(request)
        except NotSignedIn:
            return _to_login(request, request.url.path)
        return password_page(_tongue(request), theme=_theme(request))

    @app.post("/auth/password")
    def change_password(request: Request, old: str = Form(""), new: str = Form("")) -> Response:
        """Changes one's own password and ends one's other sessions."""
        who = judge(request).who
        try:
            tenancy.set_password(who, who.name, new, old)
        except tenancy.PasswordTooWeak as error:
            return password_page(_tongue(request), "weak", status=error.status, theme=_theme(request))
        except Invalid as error:
            return password_page(_tongue(request), "old_wrong", status=error.status, theme=_theme(request))
        return password_page(_tongue(request), saved=True, theme=_theme(request))


def _add_content(app: FastAPI) -> None:
    @app.get("/auth/content")
    def to_content(request: Request, item: str, next: str = "/") -> Response:
        """Takes a session over to an item's own host by a code that is good once."""
        try:
            who = judge(request).who
        except NotSignedIn:
            return _to_login(request, request.url.path)
        if who.kind is not Kind.SESSION:
            raise Forbidden(f"item {item!r} by a token", "items are opened in a browser", "sign in there")
        project = item.partition("--")[2]
        try:
            require(who, Verb.READ, project)
        except Forbidden:
            if not _wants_page(request):
                raise
            return members_page(_tongue(request), project, _theme(request))
        code = tenancy.content_code(who, item)
        target = quote(local_path(next) if next != "/" else "/", safe="")
        return RedirectResponse(f"{_content_host(item)}__atrium/enter?code={code}&next={target}", 302)

    @app.get("/__atrium/enter")
    def enter_content(request: Request, code: str, next: str = "/") -> Response:
        """On an item's host: takes the code and sets the item's own cookie."""
        cookie = tenancy.redeem_content_code(code, content_item(request))
        plain = unquote(next)
        response = RedirectResponse(plain if plain.startswith("/") and plain[1:2] not in ("/", "\\") else "/", 302)
        _set_cookie(response, content_cookie_name(), cookie)
        return response


def create_app(is_public: PublicItem = lambda item: False) -> FastAPI:
    """The gate; `is_public` tells of an item on the content port whether everybody may see it."""
    app = new_app("Atrium gate", docs_url=None, redoc_url=None, openapi_url=None)
    _add_sign_in(app)
    _add_content(app)

    @app.get("/healthz")
    def health() -> Response:
        """Up; nothing else is told."""
        return Response("up\n", media_type="text/plain")

    begun = time.monotonic()

    @app.get("/healthz/ready")
    def readiness() -> Response:
        """Whether this replica serves what is live; after three minutes it says so anyway, for pages tell what fails."""
        if get_home().loaded.exists() or time.monotonic() - begun > LONGEST_LOADING_SECONDS:
            return Response("ready\n", media_type="text/plain")
        return Response("services are being loaded\n", 503, media_type="text/plain")

    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    @app.api_route(CONTENT_CHECK + "{path:path}", methods=methods)
    def content_check(request: Request, path: str) -> Response:
        """The front door's question about a request on the content port."""
        return _content_check(request, path, is_public)

    @app.api_route(CHECK + "{path:path}", methods=methods)
    def check(request: Request, path: str) -> Response:
        """The front door's question about a request."""
        return _check(request, path)

    return app
