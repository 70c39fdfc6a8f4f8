"""`python -m portal`: the pages on their Unix socket."""

import os
from pathlib import Path

from atrium.serve import serve

FOLDER = Path(__file__).parent


def main() -> None:
    """Serves the pages; Streamlit reads its settings from the folder of the script."""
    os.chdir(FOLDER)
    import streamlit as st
    from starlette.middleware import Middleware

    from portal.first_load import FirstLoad

    app = st.App(str(FOLDER / "main.py"), middleware=[Middleware(FirstLoad)])
    serve(app, "portal", proxy_headers=False, ws="websockets-sansio")


if __name__ == "__main__":
    main()
