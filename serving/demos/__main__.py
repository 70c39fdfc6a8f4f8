"""`python -m serving.demos`: the demo host on its Unix socket."""

import os

os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "GRADIO_MCP_SERVER": "False"}

from atrium.serve import serve
from serving.demos.host import DemoHost

if __name__ == "__main__":
    serve(DemoHost(), "demos", proxy_headers=True, forwarded_allow_ips="*")
