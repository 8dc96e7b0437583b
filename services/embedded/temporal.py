"""The embedded Temporal server: its development server on one file, or in memory."""

import signal
from pathlib import Path

from services.embedded.child import Child
from services.embedded.ports import LOOPBACK
from services.embedded.probes import answers_http
from services.embedded.programs import bare_environment, program
from services.embedded.state import State


def temporal_child(data_dir: Path, state: State, *, in_memory: bool, ui: bool) -> Child:
    """The server as a supervised child, with the namespace `default`."""
    area = data_dir / "temporal"
    area.mkdir(mode=0o700, exist_ok=True)
    file = () if in_memory else ("--db-filename", str(area / "temporal.sqlite"))
    return Child(
        name="temporal",
        argv=(str(program("temporal")), *_arguments(state, ui=ui), *file),
        env=bare_environment(area),
        cwd=area,
        # The namespace answers later than the port.
        ready=lambda: answers_http(state.ports["temporal_http"], "/api/v1/namespaces/default"),
        stop_signal=signal.SIGTERM,
        death_signal=signal.SIGKILL,
    )


def temporal_address(state: State) -> str:
    return f"{LOOPBACK}:{state.ports['temporal']}"


def temporal_ui(state: State) -> str:
    return f"http://{LOOPBACK}:{state.ports['temporal_ui']}"


def _arguments(state: State, *, ui: bool) -> tuple[str, ...]:
    port = {name: str(number) for name, number in state.ports.items()}
    front = ("--ui-port", port["temporal_ui"], "--ui-disable-news-fetch") if ui else ("--headless",)
    return (
        *("server", "start-dev", "--disable-config-file", "--disable-config-env"),
        *("--log-level", "warn", "--ip", LOOPBACK, "--port", port["temporal"]),
        *("--http-port", port["temporal_http"], "--metrics-port", port["temporal_metrics"]),
        *("--namespace", "default"),
        *front,
    )
