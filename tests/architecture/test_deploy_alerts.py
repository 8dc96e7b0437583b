"""deploy/alerts.yaml and runbook.md: each alert has an entry, and both name what there is."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final, cast

import pytest
import yaml
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics_core import Metric

from services.api.event_feed import EventFeed
from services.api.telemetry import before_send
from services.processes import SERVE
from tests.architecture.tree import PACKAGES, ROOT, sources
from tests.fixtures.command_words import named_in, wrong_with

RUNBOOK: Final = (ROOT / "deploy" / "runbook.md").read_text()
ENTRIES: Final = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.M | re.S))
GROUPS: Final = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text())["groups"]
RULES: Final[dict[str, Any]] = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
SCRAPED: Final = yaml.safe_load((ROOT / "deploy" / "prometheus.yaml").read_text())
JOBS: Final = {job["job_name"] for job in SCRAPED["scrape_configs"]}

_SUFFIXES: Final = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
}
_NAME: Final = re.compile(r"\b(?:billing|daybook)_[a-z_]+\b")
_SELECTOR: Final = re.compile(r"(?P<metric>\w+)\{(?P<matchers>[^}]*)\}")
_PROGRAMS: Final = {"daybook", "docker", "nats", "temporal"}
_NO_METRICS: Final = {"daybook_operator", "daybook_auditor", "daybook_projector", "billing_outbox"}


def described(registry: CollectorRegistry) -> Iterator[Metric]:
    """What a registry would show."""
    for collector in list(registry._collector_to_names):
        yield from collector.collect()


def measured() -> dict[str, Metric]:
    """Every series of our code, by the name that Prometheus gives it."""
    for source in sources():
        if source.package in PACKAGES and _makes_metrics(source.tree):
            import_module(source.path.removesuffix(".py").replace("/", "."))
    return {
        metric.name + suffix: metric
        for metric in (*described(REGISTRY), *described(of_the_api()))
        for suffix in _SUFFIXES.get(metric.type, ())
    }


def of_the_api() -> CollectorRegistry:
    """What the API measures in a registry that it is given."""
    registry = CollectorRegistry()
    before_send(registry)
    EventFeed(cast("Any", None), registry)
    return registry


def _makes_metrics(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "prometheus_client"
        for node in ast.walk(tree)
    )


@pytest.fixture(scope="module")
def series() -> dict[str, Metric]:
    return measured()


def test_every_alert_has_an_entry_in_the_same_order_and_no_entry_is_of_none() -> None:
    assert list(ENTRIES) == list(RULES)


@pytest.mark.parametrize("alert", list(RULES))
def test_an_entry_says_what_it_means_how_to_look_and_how_to_mend(alert: str) -> None:
    assert re.findall(r"^\*\*(\w+)\*\*", ENTRIES[alert], re.M) == ["Means", "Look", "Mend"]


@pytest.mark.parametrize("alert", list(RULES))
def test_a_rule_says_how_urgent_it_is_and_where_its_entry_stands(alert: str) -> None:
    rule = RULES[alert]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] == f"deploy/runbook.md#{alert.lower()}"


@pytest.mark.parametrize("alert", list(RULES))
def test_a_rule_asks_for_what_is_measured(alert: str, series: dict[str, Metric]) -> None:
    expression = RULES[alert]["expr"]
    asked = set(_NAME.findall(re.sub(r'"[^"]*"', '""', expression)))
    assert asked <= series.keys()
    assert asked or alert == "ProcessMissing"
    assert expression.count("(") == expression.count(")")


def test_jobs_are_the_processes_and_a_rule_misses_each() -> None:
    assert {f"daybook-{name}" for name in SERVE} == JOBS
    assert set(re.findall(r'job="([^"]+)"', RULES["ProcessMissing"]["expr"])) == JOBS


def test_labels_of_a_rule_are_labels_of_the_metric(series: dict[str, Metric]) -> None:
    shown = _labels(series)
    for alert, rule in RULES.items():
        for found in _SELECTOR.finditer(rule["expr"]):
            if found["metric"] in series:
                names = set(re.findall(r"(\w+)(?:=|!)", found["matchers"]))
                assert names <= shown[found["metric"]], alert
        summed = re.findall(r"by \(([\w, ]+)\)", rule["expr"])
        names = {name for group in summed for name in group.split(", ")} - {"job", "le"}
        metrics = _NAME.findall(rule["expr"])
        assert names <= set().union(*(shown.get(metric, set()) for metric in metrics)), alert


def _labels(series: dict[str, Metric]) -> dict[str, set[str]]:
    """Labels by series; those of a metric that shows no sample yet are its collector's."""
    found: dict[str, set[str]] = {}
    for registry in (REGISTRY, of_the_api()):
        for collector in registry._collector_to_names:
            labels = set(getattr(collector, "_labelnames", ()))
            for metric in collector.collect():
                for suffix in _SUFFIXES.get(metric.type, ()):
                    found[metric.name + suffix] = labels
    return {name: found[name] for name in series}


def test_the_runbook_names_only_metrics_that_there_are(series: dict[str, Metric]) -> None:
    shown = {name for name in _NAME.findall(RUNBOOK) if name not in _NO_METRICS}
    assert shown
    assert shown <= series.keys() | {metric.name for metric in series.values()}


@pytest.mark.parametrize("page", ["deploy/runbook.md", "deploy/README.md", "services/README.md"])
def test_a_page_for_operators_names_only_commands_that_there_are(page: str) -> None:
    commands = list(named_in((ROOT / page).read_text()))
    assert commands
    assert [wrong for words in commands if (wrong := wrong_with(words))] == []


def test_log_lines_of_the_runbook_are_written_somewhere() -> None:
    written = {
        node.value
        for source in sources()
        if source.package in PACKAGES
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    text = " ".join(re.sub(r"```.*?```", "", RUNBOOK, flags=re.S).split())
    quoted = {
        span
        for span in re.findall(r"`([^`]+)`", text)
        if re.fullmatch(r"[A-Za-z:,]+( [A-Za-z:,]+)+", span) and span.split()[0] not in _PROGRAMS
    }
    assert quoted
    assert quoted <= written
