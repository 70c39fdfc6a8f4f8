"""Services on Triton and the demos in front of them."""

from serving.demo_service import (
    feedback_by_demo,
    feedback_summary,
    get_demo,
    keep_feedback,
    list_demos,
    list_feedback,
    publish_demo,
    unpublish_demo,
)
from serving.models import DemoView, FeedbackView, Figures, ServiceBrief, ServiceNotFound, ServiceState, ServiceView
from serving.rows import columns_of, example_rows, input_names, input_title
from serving.service import (
    deploy,
    figures_by_minute,
    get_service,
    list_services,
    requests_today,
    service_figures,
    service_states,
    try_service,
    undeploy,
)

__all__ = [
    "DemoView", "FeedbackView", "Figures", "ServiceBrief", "ServiceNotFound", "ServiceState", "ServiceView", "columns_of", "deploy",
    "example_rows", "feedback_by_demo", "feedback_summary", "figures_by_minute", "get_demo", "get_service", "input_names", "input_title",
    "keep_feedback", "list_demos",
    "list_feedback", "list_services", "publish_demo", "requests_today", "service_figures", "service_states", "try_service",
    "undeploy", "unpublish_demo",
]  # fmt: skip
