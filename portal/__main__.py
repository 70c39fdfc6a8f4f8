"""`python -m portal`: the pages on their Unix socket."""

import asyncio
import gc
import os
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

from atrium.serve import serve

FOLDER = Path(__file__).parent
WITH_THE_FIRST_PAGE = (
    "atrium.web",
    "httpcore",
    "pandas",
    "PIL.Image",
    "pyarrow.pandas_compat",
    "streamlit.material_icon_names",
)


def import_pages() -> None:
    """Imports every page with what it uses, and what Streamlit and the frame of the pages import only when they draw."""
    for name in WITH_THE_FIRST_PAGE:
        import_module(name)
    for page in pkgutil.iter_modules([str(FOLDER / "views")]):
        import_module(f"portal.views.{page.name}")


@asynccontextmanager
async def ready(_app: object) -> AsyncIterator[None]:
    """Has the pages imported before anybody asks for one: the first visitor would wait for it."""
    await asyncio.to_thread(import_pages)
    gc.collect()
    gc.freeze()  # what was imported stays: no later collection looks at it
    yield


def main() -> None:
    """Serves the pages; Streamlit reads its settings from the folder of the script."""
    os.chdir(FOLDER)
    import streamlit as st
    from starlette.middleware import Middleware

    from portal.addresses import Addresses
    from portal.first_load import FirstLoad
    from portal.static_files import StaticFiles

    middleware = [Middleware(Addresses), Middleware(StaticFiles), Middleware(FirstLoad)]
    app = st.App(str(FOLDER / "main.py"), middleware=middleware, lifespan=ready)
    serve(app, "portal", proxy_headers=False, ws="websockets-sansio")


if __name__ == "__main__":
    main()
