"""`python -m portal`: the pages on their Unix socket."""

import asyncio
import os
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

from atrium.serve import serve

FOLDER = Path(__file__).parent


def import_pages() -> None:
    """Imports every page with what it uses."""
    for page in pkgutil.iter_modules([str(FOLDER / "views")]):
        import_module(f"portal.views.{page.name}")


@asynccontextmanager
async def ready(_app: object) -> AsyncIterator[None]:
    """Has the pages imported before anybody asks for one: the first visitor would wait for it."""
    await asyncio.to_thread(import_pages)
    yield


def main() -> None:
    """Serves the pages; Streamlit reads its settings from the folder of the script."""
    os.chdir(FOLDER)
    import streamlit as st
    from starlette.middleware import Middleware

    from portal.first_load import FirstLoad

    app = st.App(str(FOLDER / "main.py"), middleware=[Middleware(FirstLoad)], lifespan=ready)
    serve(app, "portal", proxy_headers=False, ws="websockets-sansio")


if __name__ == "__main__":
    main()
