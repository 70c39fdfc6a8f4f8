"""`python -m model_registry.server`: MLflow on its Unix socket, one process."""

from atrium.serve import serve
from model_registry.server import create_app

if __name__ == "__main__":
    serve(create_app(), "mlflow", proxy_headers=False)
