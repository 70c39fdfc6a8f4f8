"""`python -m tenancy.gate`: the gate on its Unix socket."""

from atrium.serve import serve
from tenancy.gate.app import create_app
from tenancy.public_items import is_public

if __name__ == "__main__":
    serve(create_app(is_public), "gate", proxy_headers=False)
