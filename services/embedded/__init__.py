"""Postgres, NATS and Temporal from their wheels, supervised on this machine."""

from services.embedded.addresses import Addresses, GivenAddresses, describe, find_running
from services.embedded.child import Child, ChildNotReady, Report
from services.embedded.lock import AlreadyRunning
from services.embedded.stack import EmbeddedStack, StackOptions, running_stack

__all__ = [
    "Addresses",
    "AlreadyRunning",
    "Child",
    "ChildNotReady",
    "EmbeddedStack",
    "GivenAddresses",
    "Report",
    "StackOptions",
    "describe",
    "find_running",
    "running_stack",
]
