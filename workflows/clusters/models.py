"""Tables of connected clusters and of what was last seen on them, and what of them is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from atrium.database import Base, UtcDateTime
from atrium.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from workflows.clusters.detecting import Detected


class ClusterNotFound(NotFound):
    """No cluster of this name is connected."""


class ClusterExists(Conflict):
    """A cluster of this name is connected already."""


class KubeconfigInvalid(Invalid):
    """The kubeconfig cannot be used."""


class ClusterRefused(Forbidden):
    """The cluster does not let the platform in, or not do this."""


class ClusterUnavailable(Unavailable):
    """The cluster does not answer."""


class ClusterNotOfProject(Forbidden):
    """The project has no namespace on the cluster."""


class ClusterRow(Base):
    """A connected Kubernetes with its Argo. `sealed` holds token, client certificate and key; `projects` their namespaces."""

    __tablename__ = "clusters"

    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    server: Mapped[str] = mapped_column(String(300))
    authority: Mapped[str] = mapped_column(Text)
    argo_url: Mapped[str] = mapped_column(String(300))
    argo_checked: Mapped[bool] = mapped_column()
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    projects: Mapped[dict[str, str]] = mapped_column(JSON)
    added_by: Mapped[str] = mapped_column(String(60))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ClusterStateRow(Base):
    """When a cluster last answered, and what it said when it did not; `problem` is empty while all is well.

    `served` are the versions of other projects' resources that it serves, None until they were looked for.
    """

    __tablename__ = "cluster_states"

    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    version: Mapped[str] = mapped_column(String(60))
    heard_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    problem: Mapped[str] = mapped_column(String(1000))
    argo_version: Mapped[str] = mapped_column(String(60), server_default="")
    served: Mapped[dict[str, list[str]] | None] = mapped_column(JSON)


class SeenRow(Base):
    """An object of a cluster as it was last seen: a workflow, a pod or an event; `about` is the workflow or the event's object."""

    __tablename__ = "cluster_objects"
    __table_args__ = (Index("ix_cluster_objects_about", "cluster", "kind", "namespace", "about"),)

    cluster: Mapped[str] = mapped_column(String(30), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    namespace: Mapped[str] = mapped_column(String(63), primary_key=True)
    name: Mapped[str] = mapped_column(String(253), primary_key=True)
    about: Mapped[str] = mapped_column(String(253))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CronRow(Base):
    """A cron workflow of the home cluster: who wrote it through the platform, and the digest of what its runs are to do."""

    __tablename__ = "cluster_crons"

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    name: Mapped[str] = mapped_column(String(253), primary_key=True)
    uid: Mapped[str] = mapped_column(String(40))
    owner: Mapped[str] = mapped_column(String(60))
    digest: Mapped[str] = mapped_column(String(64))


class Seen(StrEnum):
    """Kinds of objects that are watched."""

    WORKFLOW = "workflow"
    POD = "pod"
    EVENT = "event"


@dataclass(frozen=True)
class Access:
    """How a cluster is asked: address, authority (PEM), and either a token or a client certificate with its key (PEM)."""

    server: str
    authority: str
    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


@dataclass(frozen=True)
class ClusterView:
    """A connected cluster; `heard_at` is when it last answered, `problem` what it said or how it failed since.

    `detected` tells of each known project whether it is there; empty until it was looked for.
    """

    name: str
    server: str
    argo_url: str
    argo_checked: bool
    projects: Mapping[str, str]
    added_by: str
    added_at: datetime
    version: str
    heard_at: datetime | None
    problem: str
    argo_version: str
    detected: Sequence[Detected]


@dataclass(frozen=True)
class Finding:
    """One thing that was checked on a cluster: whether it is good, what was found, and what mends it."""

    name: str
    good: bool
    found: str
    mend: str = ""
