"""`python -m workflows.engine`: the workflow server on its Unix socket."""

from atrium.home import get_home
from atrium.serve import serve
from workflows.engine.rest import create_app

if __name__ == "__main__":
    serve(create_app(get_home()), "argo", proxy_headers=False)
