# SPDX-License-Identifier: Apache-2.0
# Written by clients/python/generate.py from api/openapi.yaml: run that, do not edit this.
"""A method for each operation of the contract, to be awaited."""
from datetime import datetime
from typing import Any, Iterable, Literal, Mapping, Optional, Union, cast, overload

from . import _operations as op
from . import types
from ._core import Many, Operation


class AsyncMethods:
    """What the contract offers; the client that inherits it sends the requests."""

    async def _call(
        self,
        operation: Operation,
        *,
        path: Optional[Mapping[str, Union[str, int]]] = None,
        query: Optional[Mapping[str, Any]] = None,
        body: Any = None,
    ) -> Any:
        raise NotImplementedError

    async def status(self, *, device: Optional[Many[Union[str, int]]] = None) -> types.Status:
        """Devices and what they do.

        `device`: Index, UUID or PCI bus id; repeatable.

        GET /api/v1/gpu/status. Scope: read.
        """
        return cast(types.Status, await self._call(op.GET_STATUS, query={"device": device}))

    async def kernels(
        self,
        *,
        sort_by: Optional[
            Literal["avg_time", "total_time", "calls", "max_time", "p50_time", "p95_time",
            "p99_time", "last_execution", "avg_memory", "name"]
        ] = None,
        order: Optional[Literal["desc", "asc"]] = None,
        limit: Optional[int] = None,
        offset: Optional[int] = None,
        min_calls: Optional[int] = None,
        kind: Optional[
            Literal["kernel", "compute", "collective", "memcpy", "memset", "all"]
        ] = None,
        name: Optional[Many[str]] = None,
        device: Optional[Many[Union[str, int]]] = None,
        pid: Optional[int] = None,
        since: Optional[Union[str, datetime]] = None,
    ) -> types.Kernels:
        """Kernels, sorted and filtered.

        `sort_by`: Ties go by name, then id.

        `order`: desc; asc where it is sorted by name.

        `kind`: kernel is compute and collective.

        `name`: Glob over the whole name, without regard to case; repeatable, one must match.

        `device`: Index, UUID or PCI bus id; repeatable.

        `pid`: One process that reports itself; not together with since.

        `since`: A time in RFC 3339, or a span back from now such as 90s, 15m, 1h, 2d. What the
        server does not know by heart, lives before this one too, is answered from history; `window`
        says what it covers. .

        GET /api/v1/gpu/kernels. Scope: read.
        """
        return cast(types.Kernels, await self._call(
            op.GET_KERNELS,
            query={
                "sort_by": sort_by,
                "order": order,
                "limit": limit,
                "offset": offset,
                "min_calls": min_calls,
                "kind": kind,
                "name": name,
                "device": device,
                "pid": pid,
                "since": since,
            },
        ))

    async def kernel(self, id: str) -> types.KernelDetail:
        """One kernel in full.

        GET /api/v1/gpu/kernels/{id}. Scope: read.
        """
        return cast(types.KernelDetail, await self._call(op.GET_KERNEL, path={"id": id}))

    @overload
    async def kernel_history(
        self,
        id: str,
        *,
        kind: Optional[Literal["compute", "collective", "memcpy", "memset"]] = None,
        device: Optional[Many[Union[str, int]]] = None,
        from_: Optional[Union[str, datetime]] = None,
        to: Optional[Union[str, datetime]] = None,
        step: Optional[str] = None,
        format: Literal["json"] = "json",
    ) -> types.KernelHistory:
        ...

    @overload
    async def kernel_history(
        self,
        id: str,
        *,
        kind: Optional[Literal["compute", "collective", "memcpy", "memset"]] = None,
        device: Optional[Many[Union[str, int]]] = None,
        from_: Optional[Union[str, datetime]] = None,
        to: Optional[Union[str, datetime]] = None,
        step: Optional[str] = None,
        format: Literal["csv"],
    ) -> str:
        ...

    async def kernel_history(
        self,
        id: str,
        *,
        kind: Optional[Literal["compute", "collective", "memcpy", "memset"]] = None,
        device: Optional[Many[Union[str, int]]] = None,
        from_: Optional[Union[str, datetime]] = None,
        to: Optional[Union[str, datetime]] = None,
        step: Optional[str] = None,
        format: Optional[Literal["json", "csv"]] = None,
    ) -> Union[types.KernelHistory, str]:
        """What one kernel did, step by step.

        Steps of ten seconds are kept for a day, minutes for a month, hours for a year (settable).
        Of each step those with the most time are kept by name; the others are summed as
        `__other__`.

        `kind`: The one with the most time.

        `device`: Index, UUID or PCI bus id; repeatable.

        `from_`: A time in RFC 3339, or a span back from now; an hour before to.

        `to`: The same; now.

        `step`: Whole seconds, as 10s, 1m or 1h; so that there are at most 720.

        `format`: json, unless Accept names text/csv.

        GET /api/v1/gpu/kernels/{id}/history. Scope: read.
        """
        return cast(Union[types.KernelHistory, str], await self._call(
            op.GET_KERNEL_HISTORY,
            path={"id": id},
            query={
                "kind": kind,
                "device": device,
                "from": from_,
                "to": to,
                "step": step,
                "format": format,
            },
        ))

    async def devices(self, *, device: Optional[Many[Union[str, int]]] = None) -> types.Devices:
        """Devices in full, with every metric.

        `device`: Index, UUID or PCI bus id; repeatable.

        GET /api/v1/gpu/devices. Scope: read.
        """
        return cast(types.Devices, await self._call(op.GET_DEVICES, query={"device": device}))

    async def device(self, ref: Union[str, int]) -> types.DeviceDetail:
        """One device in full.

        `ref`: An index, a UUID or a PCI bus id.

        GET /api/v1/gpu/devices/{ref}. Scope: read.
        """
        return cast(types.DeviceDetail, await self._call(op.GET_DEVICE, path={"ref": ref}))

    async def processes(
        self,
        *,
        sort_by: Optional[Literal["memory", "kernel_time", "utilization", "pid"]] = None,
        limit: Optional[int] = None,
        offset: Optional[int] = None,
        pid: Optional[int] = None,
        user: Optional[str] = None,
        device: Optional[Many[Union[str, int]]] = None,
    ) -> types.Processes:
        """Processes that use a device, and who they are.

        `sort_by`: Largest first; pid: smallest first.

        `pid`: One process by its number.

        `device`: Index, UUID or PCI bus id; repeatable.

        GET /api/v1/gpu/processes. Scope: read.
        """
        return cast(types.Processes, await self._call(
            op.GET_PROCESSES,
            query={
                "sort_by": sort_by,
                "limit": limit,
                "offset": offset,
                "pid": pid,
                "user": user,
                "device": device,
            },
        ))

    async def topology(self) -> types.Topology:
        """How devices are joined.

        GET /api/v1/gpu/topology. Scope: read.
        """
        return cast(types.Topology, await self._call(op.GET_TOPOLOGY))

    async def events(
        self,
        *,
        severity: Optional[Literal["info", "warning", "critical"]] = None,
        kind: Optional[str] = None,
        limit: Optional[int] = None,
        device: Optional[Many[Union[str, int]]] = None,
        since: Optional[Union[str, datetime]] = None,
    ) -> types.Events:
        """What happened to devices (XIDs and changes of health), newest first.

        `severity`: The least.

        `device`: Index, UUID or PCI bus id; repeatable.

        `since`: A time in RFC 3339, or a span back from now such as 90s, 15m, 1h, 2d.

        GET /api/v1/gpu/events. Scope: read.
        """
        return cast(types.Events, await self._call(
            op.GET_EVENTS,
            query={
                "severity": severity,
                "kind": kind,
                "limit": limit,
                "device": device,
                "since": since,
            },
        ))

    @overload
    async def history(
        self,
        *,
        metric: Many[str],
        device: Optional[Many[Union[str, int]]] = None,
        from_: Optional[Union[str, datetime]] = None,
        to: Optional[Union[str, datetime]] = None,
        step: Optional[str] = None,
        agg: Optional[Literal["avg", "min", "max", "last"]] = None,
        trend: Optional[Literal["true", "false"]] = None,
        format: Literal["json"] = "json",
    ) -> types.History:
        ...

    @overload
    async def history(
        self,
        *,
        metric: Many[str],
        device: Optional[Many[Union[str, int]]] = None,
        from_: Optional[Union[str, datetime]] = None,
        to: Optional[Union[str, datetime]] = None,
        step: Optional[str] = None,
        agg: Optional[Literal["avg", "min", "max", "last"]] = None,
        trend: Optional[Literal["true", "false"]] = None,
        format: Literal["csv"],
    ) -> str:
        ...

    async def history(
        self,
        *,
        metric: Many[str],
        device: Optional[Many[Union[str, int]]] = None,
        from_: Optional[Union[str, datetime]] = None,
        to: Optional[Union[str, datetime]] = None,
        step: Optional[str] = None,
        agg: Optional[Literal["avg", "min", "max", "last"]] = None,
        trend: Optional[Literal["true", "false"]] = None,
        format: Optional[Literal["json", "csv"]] = None,
    ) -> Union[types.History, str]:
        """What devices did, a value a step.

        Raw values are kept for a day, minutes for a month, hours for a year (settable). Where the
        values that a step asks for are kept no longer, the answer is coarser: `step_ms` says how
        fine it is. A step begins at a multiple of its length; nulls are gaps.

        `metric`: Name of a metric, such as power; repeatable.

        `device`: Index, UUID or PCI bus id; repeatable.

        `from_`: A time in RFC 3339, or a span back from now; an hour before to.

        `to`: The same; now.

        `step`: Whole seconds, as 10s, 1m or 1h; so that there are at most 720.

        `agg`: How the values of a step become one.

        `trend`: Slope of each series and availability of each device.

        `format`: json, unless Accept names text/csv.

        GET /api/v1/gpu/history. Scope: read.
        """
        return cast(Union[types.History, str], await self._call(
            op.GET_HISTORY,
            query={
                "metric": metric,
                "device": device,
                "from": from_,
                "to": to,
                "step": step,
                "agg": agg,
                "trend": trend,
                "format": format,
            },
        ))

    async def fleet(
        self,
        *,
        node: Optional[Many[str]] = None,
        state: Optional[Literal["all", "ok", "silent"]] = None,
        sort_by: Optional[Literal["node", "gpu_utilization", "memory_usage", "alerts"]] = None,
        order: Optional[Literal["asc", "desc"]] = None,
        limit: Optional[int] = None,
        offset: Optional[int] = None,
    ) -> types.Fleet:
        """Machines and their GPUs.

        Every machine that has written to the server of time series (`history.store`) within the
        last hour. One that has not for two minutes is silent: nothing is told of its now. Sums and
        drift are of all machines that match, whatever the limit. What is told is a few seconds old.

        `node`: Its name, with * and ?; repeatable.

        `order`: desc, but asc for node.

        GET /api/v1/gpu/fleet. Scope: read.
        """
        return cast(types.Fleet, await self._call(
            op.GET_FLEET,
            query={
                "node": node,
                "state": state,
                "sort_by": sort_by,
                "order": order,
                "limit": limit,
                "offset": offset,
            },
        ))

    async def fleet_history(
        self,
        *,
        metric: Many[str],
        node: Optional[Many[str]] = None,
        by: Optional[Literal["node", "fleet"]] = None,
        from_: Optional[Union[str, datetime]] = None,
        to: Optional[Union[str, datetime]] = None,
        step: Optional[str] = None,
        agg: Optional[Literal["avg", "min", "max", "last"]] = None,
    ) -> types.FleetHistory:
        """What machines did, a value a step.

        As /history, with one series for each machine or for all of them. The devices of a machine
        come to one value: amounts (bytes, watts, joules, seconds, counts) are added, all else is
        averaged; memory_usage is the share of all their memory.

        `metric`: Name of a metric, such as power; repeatable.

        `node`: Name of a machine; repeatable. All.

        `by`: A series for each machine, or one for all.

        `from_`: A time in RFC 3339, or a span back from now; an hour before to.

        `to`: The same; now.

        `step`: Whole seconds, as 10s, 1m or 1h; so that there are at most 720.

        `agg`: How the values of a device in a step become one.

        GET /api/v1/gpu/fleet/history. Scope: read.
        """
        return cast(types.FleetHistory, await self._call(
            op.GET_FLEET_HISTORY,
            query={
                "metric": metric,
                "node": node,
                "by": by,
                "from": from_,
                "to": to,
                "step": step,
                "agg": agg,
            },
        ))

    async def alerts(
        self,
        *,
        severity: Optional[Literal["warning", "critical", "all"]] = None,
        state: Optional[Literal["active", "pending", "resolved", "all"]] = None,
        limit: Optional[int] = None,
        device: Optional[Many[Union[str, int]]] = None,
        since: Optional[Union[str, datetime]] = None,
    ) -> types.Alerts:
        """Alerts that fire, or fired.

        `state`: active is firing.

        `device`: Index, UUID or PCI bus id; repeatable.

        `since`: A time in RFC 3339, or a span back from now such as 90s, 15m, 1h, 2d.

        GET /api/v1/gpu/alerts. Scope: read.
        """
        return cast(types.Alerts, await self._call(
            op.GET_ALERTS,
            query={
                "severity": severity,
                "state": state,
                "limit": limit,
                "device": device,
                "since": since,
            },
        ))

    async def ack_alert(self, id: str) -> None:
        """Somebody sees to an alert.

        Nobody is called for it again. The answer comes when it is visible and kept.

        `id`: Of the alert.

        POST /api/v1/gpu/alerts/{id}/ack. Scope: write.
        """
        await self._call(op.ACK_ALERT, path={"id": id})

    async def rules(self) -> types.Rules:
        """When alerts are raised.

        GET /api/v1/gpu/rules. Scope: read.
        """
        return cast(types.Rules, await self._call(op.GET_RULES))

    async def put_rule(self, body: types.RuleText) -> types.Rule:
        """Make or change a rule.

        One of that name that the API made is replaced. Rules of the build and of the configuration
        file are changed there.

        POST /api/v1/gpu/rules. Scope: write.
        """
        return cast(types.Rule, await self._call(op.PUT_RULE, body=body))

    async def delete_rule(self, id: str) -> None:
        """End a rule that the API made.

        `id`: Its name.

        DELETE /api/v1/gpu/rules/{id}. Scope: write.
        """
        await self._call(op.DELETE_RULE, path={"id": id})

    async def silences(self) -> types.Silences:
        """What calls nobody for a time.

        GET /api/v1/gpu/silences. Scope: read.
        """
        return cast(types.Silences, await self._call(op.GET_SILENCES))

    async def add_silence(self, body: types.SilenceText) -> types.Silence:
        """Silence alerts.

        POST /api/v1/gpu/silences. Scope: write.
        """
        return cast(types.Silence, await self._call(op.ADD_SILENCE, body=body))

    async def delete_silence(self, id: str) -> None:
        """End a silence.

        `id`: Of the silence.

        DELETE /api/v1/gpu/silences/{id}. Scope: write.
        """
        await self._call(op.DELETE_SILENCE, path={"id": id})

    async def channels(self) -> types.Channels:
        """Where people are told.

        GET /api/v1/gpu/channels. Scope: admin.
        """
        return cast(types.Channels, await self._call(op.GET_CHANNELS))

    async def put_channel(self, body: types.ChannelText) -> types.Channel:
        """Make or change a channel.

        One of that name that the API made is replaced. A command can only be set in the
        configuration file.

        POST /api/v1/gpu/channels. Scope: admin.
        """
        return cast(types.Channel, await self._call(op.PUT_CHANNEL, body=body))

    async def delete_channel(self, id: str) -> None:
        """End a channel that the API made.

        `id`: Its name.

        DELETE /api/v1/gpu/channels/{id}. Scope: admin.
        """
        await self._call(op.DELETE_CHANNEL, path={"id": id})

    async def test_channel(self, id: str) -> None:
        """Send a test through a channel.

        The answer comes when the receiver has taken it.

        `id`: Its name.

        POST /api/v1/gpu/channels/{id}/test. Scope: admin.
        """
        await self._call(op.TEST_CHANNEL, path={"id": id})

    @overload
    async def report(self, *, format: Literal["json"] = "json") -> types.Report:
        ...

    @overload
    async def report(self, *, format: Literal["text", "html"]) -> str:
        ...

    async def report(
        self,
        *,
        format: Optional[Literal["json", "text", "html"]] = None,
    ) -> Union[types.Report, str]:
        """Everything on one page.

        GET /api/v1/gpu/report. Scope: read.
        """
        return cast(Union[types.Report, str], await self._call(
            op.GET_REPORT,
            query={"format": format},
        ))

    async def post_executions(self, executions: Iterable[types.Execution]) -> types.Accepted:
        """Executions that a program tells of.

        All are taken or none. The answer comes when they are visible in every other answer.

        POST /api/v1/gpu/executions. Scope: ingest.
        """
        return cast(types.Accepted, await self._call(
            op.POST_EXECUTIONS,
            body={"executions": list(executions)},
        ))

    async def post_samples(self, samples: Iterable[types.Sample]) -> types.Accepted:
        """Readings of devices that a program tells of.

        All are taken or none. A device that this server measures itself cannot be told of.

        POST /api/v1/gpu/samples. Scope: ingest.
        """
        return cast(types.Accepted, await self._call(
            op.POST_SAMPLES,
            body={"samples": list(samples)},
        ))

    async def post_traces(self, body: types.TraceWish) -> types.Trace:
        """Single executions of a process for some seconds.

        The process must have an agent in it. The answer is a Chrome trace, and comes when the time
        has passed; who closes the connection before ends the trace.

        POST /api/v1/gpu/traces. Scope: write.
        """
        return cast(types.Trace, await self._call(op.POST_TRACES, body=body))

    async def system(self) -> types.System:
        """What this server costs, and what it has refused and lost.

        GET /api/v1/system. Scope: read.
        """
        return cast(types.System, await self._call(op.GET_SYSTEM))

    async def metrics(self, *, names: Optional[Literal["own", "dcgm", "all"]] = None) -> str:
        """Everything that there is a number for, for Prometheus.

        Prometheus text 0.0.4, or OpenMetrics 1.0 where Accept asks for it; made once a frame.
        docs/metrics.md lists the names.

        `names`: Whose names devices go by: gpuvigil's own in base units, those that NVIDIA's DCGM
        exporter has today, or both. Left out: what the configuration says (metrics.names).

        GET /metrics. Scope: read.
        """
        return cast(str, await self._call(op.GET_METRICS, query={"names": names}))

    async def session(self) -> types.Session:
        """Who asks, and what they may do.

        Needs no scope, but to be somebody.

        GET /api/v1/session. Needs no scope, but to be somebody.
        """
        return cast(types.Session, await self._call(op.GET_SESSION))

    async def open_session(self) -> types.Session:
        """Log a browser in.

        Trades a bearer token for a cookie (HttpOnly, SameSite=Strict) with its scopes.

        POST /api/v1/session. Needs no scope, but to be somebody.
        """
        return cast(types.Session, await self._call(op.OPEN_SESSION))

    async def close_session(self) -> None:
        """Log a browser out.

        DELETE /api/v1/session. Needs no scope, but to be somebody.
        """
        await self._call(op.CLOSE_SESSION)

    async def health(self) -> str:
        """Is the process alive?.

        GET /healthz. Needs no token.
        """
        return cast(str, await self._call(op.GET_HEALTH))

    async def readiness(self) -> str:
        """Is there a frame to tell of?.

        GET /readyz. Needs no token.
        """
        return cast(str, await self._call(op.GET_READINESS))

    async def version(self) -> types.GetVersionAnswer:
        """Version of program and API.

        GET /version. Needs no token.
        """
        return cast(types.GetVersionAnswer, await self._call(op.GET_VERSION))

    async def page(self) -> str:
        """The dashboard: all at a glance.

        GET /. Needs no token.
        """
        return cast(str, await self._call(op.GET_PAGE))

    async def devices_page(self) -> str:
        """The dashboard: devices.

        GET /devices. Needs no token.
        """
        return cast(str, await self._call(op.GET_DEVICES_PAGE))

    async def device_page(self, ref: Union[str, int]) -> str:
        """The dashboard: one device.

        `ref`: An index, a UUID or a PCI bus id.

        GET /devices/{ref}. Needs no token.
        """
        return cast(str, await self._call(op.GET_DEVICE_PAGE, path={"ref": ref}))

    async def kernels_page(self) -> str:
        """The dashboard: kernels.

        GET /kernels. Needs no token.
        """
        return cast(str, await self._call(op.GET_KERNELS_PAGE))

    async def processes_page(self) -> str:
        """The dashboard: processes.

        GET /processes. Needs no token.
        """
        return cast(str, await self._call(op.GET_PROCESSES_PAGE))

    async def alerts_page(self) -> str:
        """The dashboard: alerts.

        GET /alerts. Needs no token.
        """
        return cast(str, await self._call(op.GET_ALERTS_PAGE))

    async def explore_page(self) -> str:
        """The dashboard: any metric over time.

        GET /explore. Needs no token.
        """
        return cast(str, await self._call(op.GET_EXPLORE_PAGE))

    async def timeline_page(self) -> str:
        """The dashboard: single executions.

        GET /timeline. Needs no token.
        """
        return cast(str, await self._call(op.GET_TIMELINE_PAGE))

    async def system_page(self) -> str:
        """The dashboard: the server itself.

        GET /system. Needs no token.
        """
        return cast(str, await self._call(op.GET_SYSTEM_PAGE))

    async def login_page(self) -> str:
        """The dashboard: where a browser shows a token.

        GET /login. Needs no token.
        """
        return cast(str, await self._call(op.GET_LOGIN_PAGE))

    async def dashboard_script(self) -> str:
        """Its script.

        GET /assets/app.js. Needs no token.
        """
        return cast(str, await self._call(op.GET_DASHBOARD_SCRIPT))

    async def dashboard_later_script(self) -> str:
        """Pages that come when somebody goes there.

        GET /assets/more.js. Needs no token.
        """
        return cast(str, await self._call(op.GET_DASHBOARD_LATER_SCRIPT))

    async def dashboard_style(self) -> str:
        """Its style.

        GET /assets/app.css. Needs no token.
        """
        return cast(str, await self._call(op.GET_DASHBOARD_STYLE))

    async def dashboard_font(self) -> str:
        """Its font.

        GET /assets/inter.woff2. Needs no token.
        """
        return cast(str, await self._call(op.GET_DASHBOARD_FONT))

    async def contract(self) -> dict[str, Any]:
        """This contract as JSON.

        GET /api/v1/openapi.json. Needs no token.
        """
        return cast(dict[str, Any], await self._call(op.GET_CONTRACT))

    async def docs(self) -> str:
        """A page to read and try it.

        GET /docs. Needs no token.
        """
        return cast(str, await self._call(op.GET_DOCS))

    async def docs_script(self) -> str:
        """Its script.

        GET /docs/docs.js. Needs no token.
        """
        return cast(str, await self._call(op.GET_DOCS_SCRIPT))

    async def docs_style(self) -> str:
        """Its style.

        GET /docs/docs.css. Needs no token.
        """
        return cast(str, await self._call(op.GET_DOCS_STYLE))

    async def swagger_script(self) -> str:
        """Swagger UI.

        GET /docs/swagger-ui-bundle.js. Needs no token.
        """
        return cast(str, await self._call(op.GET_SWAGGER_SCRIPT))

    async def swagger_style(self) -> str:
        """Its style.

        GET /docs/swagger-ui.css. Needs no token.
        """
        return cast(str, await self._call(op.GET_SWAGGER_STYLE))
