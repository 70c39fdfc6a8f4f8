"""What a cluster is told to have: by the versions of known types that its API server tells, asked no more than is needed."""

from workflows.clusters.detecting import ARGO, KNOWN, MONITORS, Use, detected, served

PATHS = {
    "/apis": {"groups": [{"name": "argoproj.io", "versions": [{"version": "v1alpha1"}]}, {"name": "apps", "versions": [{"version": "v1"}]},
                         {"name": "monitoring.coreos.com", "versions": [{"version": "v1alpha1"}, {"version": "v1"}]}]},
    "/apis/argoproj.io/v1alpha1": {"resources": [{"name": "workflows"}]},
    "/apis/monitoring.coreos.com/v1alpha1": {"resources": [{"name": "servicemonitors"}]},
    "/apis/monitoring.coreos.com/v1": {"resources": [{"name": "podmonitors"}]},
}  # fmt: skip


def test_a_version_counts_where_the_type_itself_is_served_in_it() -> None:
    asked: list[str] = []
    found = served(lambda path: asked.append(path) or PATHS.get(path))  # type: ignore[func-returns-value]
    assert found == {ARGO.resource: ["v1alpha1"], MONITORS.resource: ["v1alpha1"]}
    assert sorted(asked) == sorted(PATHS)


def test_each_known_project_is_used_not_used_too_old_or_not_there() -> None:
    versions = {
        ARGO.resource: ["v1alpha1"],
        MONITORS.resource: ["v1alpha1"],
        "httproutes.gateway.networking.k8s.io": ["v1"],
        "rayjobs.ray.io": ["v1"],
    }
    here = {one.name: one for one in detected(versions, beside=True)}
    assert list(here) == [one.name for one in KNOWN]
    assert [here[name].use for name in ("Argo Workflows", "Gateway API", "Prometheus operator", "KubeRay", "Kueue")] == [
        Use.USED, Use.USED, Use.OLD, Use.UNUSED, Use.MISSING
    ]  # fmt: skip
    away = {one.name: one.use for one in detected(versions, beside=False)}
    assert (away["Argo Workflows"], away["Gateway API"]) == (Use.USED, Use.UNUSED)
