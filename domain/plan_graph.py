"""The tree of a plan as Mermaid (https://mermaid.js.org/syntax/flowchart.html)."""

from typing import Any

import msgspec

from domain.plan import Activity, Plan


def mermaid(plan: Plan) -> str:
    """A flowchart: a box an activity, its conditions on the line that leads to it."""
    lines = ["flowchart TD", f"  start([{_quoted(plan.id)}])"]
    for place, activity in enumerate(plan.activities):
        label = _quoted(f"{activity.id}\n{activity.script}")
        above = "start" if activity.parent is None else f"a{activity.parent}"
        lines += [f"  a{place}[{label}]", f"  {above} -->{_conditions(activity)} a{place}"]
    return "\n".join(lines) + "\n"


def _conditions(activity: Activity) -> str:
    if not activity.applicability:
        return ""
    return f"|{_quoted(' and '.join(map(_said, activity.applicability)))}|"


def _said(condition: Any) -> str:
    return condition if isinstance(condition, str) else msgspec.json.encode(condition).decode()


def _quoted(text: str) -> str:
    """A text that is a text to Mermaid: its own entities for what means something."""
    escaped = text.replace("#", "#35;").replace('"', "#quot;")
    escaped = escaped.replace("<", "#lt;").replace(">", "#gt;").replace("\n", "<br/>")
    return f'"{escaped}"'
