"""Signals that fit no handler are dropped, and said in the log: they must not stop a workflow."""

import inspect
from typing import Any

from temporalio import workflow
from temporalio.worker import (
    HandleSignalInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)


class FittingSignals(Interceptor):
    """For every workflow of a worker.

    A handler that is called with too many values or too few raises TypeError, which fails the
    workflow's task, again and again, and with it every timer and every other signal. What cannot
    be decoded is dropped by the SDK itself.
    """

    def workflow_interceptor_class(
        self, _input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        """What stands around each workflow."""
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    async def handle_signal(self, signalled: HandleSignalInput) -> None:
        """Hand on what fits."""
        name, values = signalled.signal, signalled.args
        if _fits(workflow.get_signal_handler(name), values):
            await super().handle_signal(signalled)
        else:
            workflow.logger.warning("%s with %d values fits no handler", name, len(values))


def _fits(handler: Any, values: Any) -> bool:
    if handler is None:
        return True  # a dynamic one takes whatever comes
    try:
        inspect.signature(handler).bind(*values)
    except TypeError:
        return False
    return True
