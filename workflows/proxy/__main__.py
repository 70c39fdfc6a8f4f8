"""`python -m workflows.proxy`: Argo's REST on the workflow server's Unix socket, answered by the Argo that ATRIUM_ARGO_URL names."""

from atrium.serve import serve
from workflows.proxy.app import create_app

if __name__ == "__main__":
    serve(create_app(), "argo", proxy_headers=False)
