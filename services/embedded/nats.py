"""The embedded NATS server: JetStream that flushes every message, and an account for each tenant.

Producers are in an account of their own, from which nothing but `intake.<tenant>.>` leads into
ours. Permissions alone would not do: the server answers a message that it stores on whatever
subject its sender names, also on one that the sender may not publish on, such as `billing.>`.
"""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from services.embedded.child import Child
from services.embedded.ports import LOOPBACK
from services.embedded.private import write_private
from services.embedded.probes import answers_http
from services.embedded.programs import bare_environment, program
from services.embedded.state import State

CONFIG = """\
server_name: daybook
listen: "{host}:{port}"
http: "{host}:{monitor_port}"
max_payload: 1MB
write_deadline: "10s"
jetstream {{
  store_dir: "{store}"
  # Every acknowledged message is on disk: the default of two minutes loses some with the power.
  sync_interval: {sync_interval}
}}
accounts {{
  {account}: {{
    jetstream: enabled
    users: [ {{ user: "daybook", password: "{password}" }} ]
    exports: [
{exports}    ]
  }}
{producers}}}
"""
ACCOUNT: Final = "DAYBOOK"
EXPORT = """\
      {{ service: "intake.{tenant}.>", accounts: ["tenant-{tenant}"] }}
"""
PRODUCER = """\
  "tenant-{tenant}": {{
    users: [ {{ user: "{user}", password: "{password}", permissions: {{
        publish: ["intake.{tenant}.>"], subscribe: ["_INBOX.>", "{inbox}.>"] }} }} ]
    imports: [ {{ service: {{ account: {account}, subject: "intake.{tenant}.>" }} }} ]
  }}
"""


def nats_child(data_dir: Path, state: State, *, durable: bool) -> Child:
    """The server as a supervised child; writes its configuration."""
    area = data_dir / "nats"
    area.mkdir(mode=0o700, exist_ok=True)
    _move_streams(area / "store")
    config = area / "nats.conf"
    write_private(config, _config(area / "store", state, durable=durable).encode())
    return Child(
        name="nats",
        argv=(str(program("nats-server")), "--config", str(config)),
        env=bare_environment(area),
        cwd=area,
        ready=lambda: answers_http(state.ports["nats_monitor"], "/healthz"),
        stop_signal=signal.SIGTERM,
        death_signal=signal.SIGTERM,
    )


def nats_url(state: State) -> str:
    """Our own processes' address."""
    return _url("daybook", state.nats_password, state.ports)


def nats_producer_urls(state: State) -> dict[str, str]:
    """By tenant."""
    passwords = state.producer_passwords
    return {tenant: _url(_user(tenant), passwords[tenant], state.ports) for tenant in passwords}


def producer_inbox(tenant: str) -> str:
    """Where our own producers of a tenant hear their answers; on a server whose tenants share an
    account, other tenants' are not to be allowed it."""
    return f"_INBOX_{tenant}"


def nats_monitor(state: State) -> str:
    return f"http://{LOOPBACK}:{state.ports['nats_monitor']}"


def _config(store: Path, state: State, *, durable: bool) -> str:
    tenants = sorted(state.producer_passwords.items())
    producers = (
        PRODUCER.format(
            user=_user(tenant),
            password=password,
            tenant=tenant,
            inbox=producer_inbox(tenant),
            account=ACCOUNT,
        )
        for tenant, password in tenants
    )
    return CONFIG.format(
        host=LOOPBACK,
        port=state.ports["nats"],
        monitor_port=state.ports["nats_monitor"],
        store=_quoted(store),
        sync_interval="always" if durable else '"2m"',
        account=ACCOUNT,
        password=state.nats_password,
        exports="".join(EXPORT.format(tenant=tenant) for tenant, _ in tenants),
        producers="".join(producers),
    )


def _move_streams(store: Path) -> None:
    """Streams of a data directory from before we had an account come along with us into it."""
    before, now = store / "jetstream" / "$G", store / "jetstream" / ACCOUNT
    if before.exists() and not now.exists():
        before.rename(now)


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


def _user(tenant: str) -> str:
    return f"producer-{tenant}"


def _url(user: str, password: str, ports: Mapping[str, int]) -> str:
    return f"nats://{user}:{password}@{LOOPBACK}:{ports['nats']}"
