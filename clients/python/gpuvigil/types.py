# SPDX-License-Identifier: Apache-2.0
# Written by clients/python/generate.py from api/openapi.yaml: run that, do not edit this.
"""Answers and bodies of the HTTP interface, as the contract has them."""
from typing import Any, Literal, Optional, TypedDict, Union


class FleetMemory(TypedDict):
    used_mb: Optional[float]
    total_mb: Optional[float]
    percent: Optional[float]


class FleetHealth(TypedDict):
    """How many devices are in which state."""

    ok: int
    degraded: int
    failed: int
    lost: int
    #: Nobody told, or the machine is silent.
    unknown: int


class FleetAlerts(TypedDict):
    """Alerts that fire."""

    warning: int
    critical: int


class FleetDevice(TypedDict):
    index: int
    uuid: str
    name: Optional[str]
    driver_version: Optional[str]
    gpu_utilization: Optional[float]
    memory: FleetMemory
    temperature_celsius: Optional[float]
    power_watts: Optional[float]
    health: Optional[Literal["ok", "degraded", "failed", "lost"]]


Timestamp = str


class FleetNode(TypedDict):
    #: Its label instance.
    node: str
    state: Literal["ok", "silent"]
    last_seen: Timestamp
    #: Of gpuvigil there.
    version: Optional[str]
    driver_versions: list[str]
    #: What of it is not as usual.
    drift: list[Literal["gpuvigil_version", "driver_version"]]
    #: The mean of its devices.
    gpu_utilization: Optional[float]
    memory: FleetMemory
    #: The sum of its devices.
    power_watts: Optional[float]
    health: FleetHealth
    alerts: FleetAlerts
    devices: list[FleetDevice]


#: Only there when a device is simulated.
Demo = Literal[True]


class FleetDriftItemOthersItem(TypedDict):
    version: str
    nodes: list[str]


class FleetDriftItem(TypedDict):
    what: Literal["gpuvigil_version", "driver_version"]
    #: What most of them have.
    usual: str
    others: list[FleetDriftItemOthersItem]


class _FleetRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    as_of: Timestamp
    #: That match, before limit and offset.
    total_nodes: int
    silent_nodes: int
    total_devices: int
    #: The mean of all devices.
    gpu_utilization: Optional[float]
    memory: FleetMemory
    power_watts: Optional[float]
    health: FleetHealth
    alerts: FleetAlerts
    #: Versions that are not the same on all machines.
    drift: list[FleetDriftItem]
    nodes: list[FleetNode]


class Fleet(_FleetRequired, total=False):
    demo: Demo


Window = TypedDict("Window", {
    "from": Timestamp,
    "to": Timestamp,
    "coverage": float,
})


class FleetHistorySeriesItem(TypedDict):
    metric: str
    unit: str
    #: Null: all of them.
    node: Optional[str]
    over_devices: Literal["avg", "sum"]
    #: As many as times; null: a gap.
    values: list[Optional[float]]


class _FleetHistoryRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    window: Window
    #: Of the answer; a multiple of what was asked for, at least as long as machines write.
    step_ms: float
    agg: Literal["avg", "min", "max", "last"]
    #: When each step begins.
    times: list[Timestamp]
    #: By metric as asked for, then machine.
    series: list[FleetHistorySeriesItem]


class FleetHistory(_FleetHistoryRequired, total=False):
    demo: Demo


class HistorySeriesItemTrend(TypedDict):
    """With trend=true."""

    #: Of the line with the least squares; null below three values.
    slope_per_hour: Optional[float]


class _HistorySeriesItemRequired(TypedDict):
    metric: str
    unit: str
    #: Its index now; null: it is not there.
    device: Optional[int]
    uuid: str
    #: When each step begins.
    times: list[Timestamp]
    #: As many, bit by bit as they were kept; null: a gap.
    values: list[Optional[float]]


class HistorySeriesItem(_HistorySeriesItemRequired, total=False):
    #: With trend=true.
    trend: HistorySeriesItemTrend


class HistoryAvailabilityItem(TypedDict):
    device: Optional[int]
    uuid: str
    #: Share of the time that history covers in which it was there and ok; null: it covers nothing.
    availability_ratio: Optional[float]


class _HistoryRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    window: Window
    #: Of the answer; at least what was asked for.
    step_ms: float
    agg: Literal["avg", "min", "max", "last"]
    #: By metric as asked for, then device. A device that was never seen to have the metric is left
    #: out, unless it was named.
    series: list[HistorySeriesItem]


class History(_HistoryRequired, total=False):
    demo: Demo
    #: With trend=true.
    availability: list[HistoryAvailabilityItem]


#: The first 64 bits of SHA-256 of the name.
KernelId = str


class KernelHistoryTotal(TypedDict):
    """The same of the whole window."""

    total_calls: int
    total_time_ms: float
    avg_time_ms: Optional[float]
    min_time_ms: Optional[float]
    max_time_ms: Optional[float]
    p50_time_ms: Optional[float]
    p95_time_ms: Optional[float]
    p99_time_ms: Optional[float]
    stddev_time_ms: Optional[float]
    avg_memory_mb: Optional[float]


class _KernelHistoryRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    window: Window
    #: Of the answer; at least what was asked for.
    step_ms: float
    id: KernelId
    name: str
    short_name: str
    kind: Literal["compute", "collective", "memcpy", "memset"]
    #: When each step begins.
    times: list[Timestamp]
    #: 0: it did not run; null: nobody looked.
    calls: list[Optional[int]]
    #: Of all calls of the step.
    total_time_ms: list[Optional[float]]
    #: Null without calls.
    avg_time_ms: list[Optional[float]]
    #: Null without calls.
    min_time_ms: list[Optional[float]]
    #: Null without calls.
    max_time_ms: list[Optional[float]]
    #: Of all executions of the step, within 2 %: sketches are merged, percentiles never averaged.
    p50_time_ms: list[Optional[float]]
    #: Of all executions of the step, within 2 %: sketches are merged, percentiles never averaged.
    p95_time_ms: list[Optional[float]]
    #: Of all executions of the step, within 2 %: sketches are merged, percentiles never averaged.
    p99_time_ms: list[Optional[float]]
    #: Null without calls.
    stddev_time_ms: list[Optional[float]]
    #: Null where no execution carried memory.
    avg_memory_mb: list[Optional[float]]
    #: The same of the whole window.
    total: KernelHistoryTotal


class KernelHistory(_KernelHistoryRequired, total=False):
    """One list a number, all as long as `times`. Null is a gap, or a time without calls."""

    demo: Demo


#: Index, UUID or PCI bus id of a device; 0 when it is left out. A number below 64 that no device
#: has is a device of the sender's own.
SubmittedDevice = Union[int, str]


class _ExecutionRequired(TypedDict):
    name: str
    duration_ms: float


class Execution(_ExecutionRequired, total=False):
    memory_mb: float
    #: Its end, in the last hour; left out: now, and when it began is not known.
    timestamp: str
    device: SubmittedDevice
    #: Left out: told from the name, compute or collective.
    kind: Literal["compute", "collective", "memcpy", "memset"]


class Executions(TypedDict):
    executions: list[Execution]


class Sample(TypedDict, total=False):
    """One reading at least; it replaces the device's last sample."""

    device: SubmittedDevice
    #: Left out: now.
    timestamp: str
    gpu_utilization: float
    memory_used_mb: float
    memory_total_mb: float
    temperature_celsius: float
    power_watts: float
    power_limit_watts: float
    sm_clock_mhz: float
    memory_clock_mhz: float


class Samples(TypedDict):
    samples: list[Sample]


class Accepted(TypedDict):
    accepted: int


class _TraceWishRequired(TypedDict):
    pid: int


class TraceWish(_TraceWishRequired, total=False):
    duration_ms: int
    max_events: int


TraceOtherData = TypedDict("TraceOtherData", {
    "executions": int,
    "executions_in_this_file": int,
    "executions_not_in_this_file": int,
    "pid": int,
    "source": str,
    "from": Timestamp,
    "until": Timestamp,
    "is_complete": bool,
    "executions_overwritten": int,
    "executions_over_limit": int,
    "executions_without_times": int,
    "executions_lost": int,
    "executions_unreadable": int,
})


class Trace(TypedDict):
    """The Trace Event Format of Chrome, as Perfetto reads it. Executions are events of phase X with
    the categories kernel, gpu_memcpy and gpu_memset; a process is a device, a row a stream.
    """

    displayTimeUnit: str
    #: What ts counts from, since 1970.
    baseTimeNanoseconds: int
    deviceProperties: list[dict[str, Any]]
    traceEvents: list[dict[str, Any]]
    otherData: TraceOtherData


#: Why a field beside it is null.
Reasons = dict[str, str]


class _SystemProcessRequired(TypedDict):
    pid: int
    user_cpu_seconds: Optional[float]
    system_cpu_seconds: Optional[float]
    resident_bytes: Optional[int]
    threads: Optional[int]
    open_files: Optional[int]


class SystemProcess(_SystemProcessRequired, total=False):
    """As the kernel tells it."""

    reasons: Reasons


class SystemServer(TypedDict):
    auth: Literal["local", "token", "off"]
    #: Open now, streams included.
    connections: int
    #: Open now.
    streams: int
    #: Subscriptions that differ.
    stream_groups: int
    #: Of browsers.
    sessions: int
    accepted_total: int
    #: Over a limit of connections.
    refused_connections_total: int
    #: That were well formed.
    requests_total: int
    #: Malformed, too large, of another host or origin.
    refused_requests_total: int
    #: Answered 401.
    denied_total: int
    #: Answered 429.
    rate_limited_total: int
    #: Connections that were given up.
    timeouts_total: int
    received_bytes_total: int
    sent_bytes_total: int
    #: Of readers that were too slow.
    stream_messages_dropped_total: int
    tasks_dropped_total: int


class SystemRoutesItem(TypedDict):
    method: str
    path: str
    requests_total: int
    client_errors_total: int
    server_errors_total: int
    #: Time in the handler; sending is not in it.
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class SystemHistory(TypedDict):
    #: Every row is in its place, as far as it has one.
    recording: bool
    #: Why not; null where all is well.
    problem: Optional[str]
    #: Its file, or "memory".
    place: Optional[str]
    oldest: Optional[Timestamp]
    newest: Optional[Timestamp]
    series: int
    #: Names that are known.
    kernels: int
    #: That found no room while the file could not be written.
    kernel_steps_dropped_total: int
    #: In use; free pages are not counted.
    file_bytes: int
    #: Taken, one a second.
    rows_total: int
    #: That found no room.
    rows_dropped_total: int
    #: Not newer than what was there: a clock was set back.
    rows_late_total: int
    commits_failed_total: int
    #: Parts of the file that could not be read: gaps.
    damaged_total: int
    queries_total: int
    #: Too many at once, or too slow.
    queries_refused_total: int


class SystemEngine(TypedDict):
    frame_period_ms: float
    #: Of a frame.
    last_build_ms: float
    longest_build_ms: float
    frames_total: int
    peeks_total: int
    devices: int
    kernels: int
    series: int
    #: Of the program itself, that the engine was too busy to take.
    samples_dropped_total: int


class SystemBackendsItem(TypedDict):
    name: str
    state: Literal["starting", "ok", "failing", "hung"]
    #: Why it does not work; null where it does.
    problem: Optional[str]
    #: That it has ever listed.
    devices: int
    calls_failed_total: int
    #: Without a usable UUID, listed twice, or too many.
    devices_refused_total: int


class SystemFleet(TypedDict):
    """The server of time series that answers what was; null without one."""

    #: Scheme, host and port.
    url: str
    state: Literal["ok", "failing"]
    #: Of the last question.
    problem: Optional[str]
    queries_total: int
    queries_failed_total: int
    #: Too many at once.
    queries_refused_total: int


class SystemExportsItem(TypedDict):
    name: Literal["remote_write", "otlp", "influx"]
    #: Scheme, host and port.
    url: str
    state: Literal["ok", "failing"]
    #: Of the last request.
    problem: Optional[str]
    samples_sent_total: int
    #: That the receiver will never take.
    samples_refused_total: int
    #: That are tried again.
    requests_failed_total: int
    #: For lack of room.
    batches_dropped_total: int
    batches_waiting: int
    bytes_waiting: int
    last_sent: Optional[str]


class SystemLog(TypedDict):
    lines_total: int
    #: Left out as repeats.
    repeated_total: int
    #: That the output did not take.
    lost_total: int


class System(TypedDict):
    timestamp: Timestamp
    version: str
    uptime_seconds: float
    #: As the kernel tells it.
    process: SystemProcess
    server: SystemServer
    #: Those that were asked for.
    routes: list[SystemRoutesItem]
    history: SystemHistory
    engine: SystemEngine
    #: The drivers that are asked for devices.
    backends: list[SystemBackendsItem]
    #: The server of time series that answers what was; null without one.
    fleet: Optional[SystemFleet]
    #: Systems that metrics are pushed to.
    exports: list[SystemExportsItem]
    losses: dict[str, int]
    log: SystemLog


class Session(TypedDict):
    #: What the server was told to ask for.
    auth: Literal["local", "token", "off"]
    #: How the caller is known.
    by: Literal["token", "session", "local", "anyone"]
    token_id: Optional[str]
    scopes: list[Literal["read", "write", "admin", "ingest"]]


class _MemoryRequired(TypedDict):
    used_mb: Optional[float]
    total_mb: Optional[float]
    percent: Optional[float]


class Memory(_MemoryRequired, total=False):
    reasons: Reasons


class _DeviceRequired(TypedDict):
    index: int
    uuid: str
    name: Optional[str]
    gpu_utilization: Optional[float]
    kernel_busy_percent: Optional[float]
    memory: Memory
    temperature_celsius: Optional[float]
    power_watts: Optional[float]
    power_limit_watts: Optional[float]
    sm_clock_mhz: Optional[float]
    memory_clock_mhz: Optional[float]
    throttle_reasons: Optional[list[str]]
    health: Literal["ok", "degraded", "failed", "lost"]
    source: str
    processes: Optional[int]


class Device(_DeviceRequired, total=False):
    reasons: Reasons


class _StatusRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    gpu_utilization: Optional[float]
    memory: Memory
    uptime_seconds: float
    devices: list[Device]


class Status(_StatusRequired, total=False):
    demo: Demo
    #: With no device: how to get one.
    reason: str
    reasons: Reasons


class Kernel(TypedDict):
    id: KernelId
    name: str
    short_name: str
    total_calls: int
    avg_time_ms: float
    total_time_ms: float
    min_time_ms: float
    max_time_ms: float
    #: Within 2 % of the nearest rank.
    p50_time_ms: float
    p95_time_ms: float
    p99_time_ms: float
    stddev_time_ms: float
    #: Null where no source gave memory.
    avg_memory_mb: Optional[float]
    last_execution: Timestamp
    #: Of the time of all rows of that kind and those devices.
    share_percent: float
    kind: Literal["compute", "collective", "memcpy", "memset"]
    devices: list[int]


class _KernelsRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    kernels: list[Kernel]
    #: That match, before offset and limit.
    total_kernels: int
    #: Happened and are in no counter.
    dropped_executions: int
    window: Window


class Kernels(_KernelsRequired, total=False):
    demo: Demo
    #: With pid and no kernels: why.
    reason: str


class KernelDetailHistogramBucketsItem(TypedDict):
    #: The shortest duration in it.
    from_ms: float
    #: The shortest beyond it; null in the last.
    to_ms: Optional[float]
    count: int


class KernelDetailHistogram(TypedDict):
    #: Number of the bucket scheme.
    scheme: Literal[1]
    buckets: list[KernelDetailHistogramBucketsItem]


class KernelDetailPerDeviceItem(TypedDict):
    device: int
    total_calls: int
    avg_time_ms: float
    total_time_ms: float
    min_time_ms: float
    max_time_ms: float
    p50_time_ms: float
    p95_time_ms: float
    p99_time_ms: float
    stddev_time_ms: float
    avg_memory_mb: Optional[float]
    last_execution: Timestamp


class KernelDetailPerProcessItem(TypedDict):
    pid: int
    running: bool
    total_calls: int
    avg_time_ms: float
    total_time_ms: float
    min_time_ms: float
    max_time_ms: float


class KernelDetailLaunchShapesItem(TypedDict):
    grid: Optional[list[int]]
    #: Null where it was left to the driver.
    block: Optional[list[int]]
    #: Of a thread.
    registers: Optional[int]
    static_shared_bytes: int
    dynamic_shared_bytes: int
    total_calls: int
    total_time_ms: float


class KernelDetailLastExecutionsItem(TypedDict):
    timestamp: Timestamp
    duration_ms: float
    device: int
    memory_mb: Optional[float]


class _KernelDetailRequired(TypedDict):
    id: KernelId
    name: str
    short_name: str
    total_calls: int
    avg_time_ms: float
    total_time_ms: float
    min_time_ms: float
    max_time_ms: float
    #: Within 2 % of the nearest rank.
    p50_time_ms: float
    p95_time_ms: float
    p99_time_ms: float
    stddev_time_ms: float
    #: Null where no source gave memory.
    avg_memory_mb: Optional[float]
    last_execution: Timestamp
    #: Of the time of all rows of that kind and those devices.
    share_percent: float
    kind: Literal["compute", "collective", "memcpy", "memset"]
    devices: list[int]
    timestamp: Timestamp
    seq: int
    histogram: KernelDetailHistogram
    per_device: list[KernelDetailPerDeviceItem]
    #: Of processes that report themselves, those that ended lately too; null where none does.
    per_process: Optional[list[KernelDetailPerProcessItem]]
    #: How it was launched, the most time first, as far as agents tell; at most 64 shapes.
    launch_shapes: Optional[list[KernelDetailLaunchShapesItem]]
    last_executions: list[KernelDetailLastExecutionsItem]
    window: Window


class KernelDetail(_KernelDetailRequired, total=False):
    demo: Demo
    reasons: Reasons


class _DeviceMetricsRequired(TypedDict):
    #: Share of the driver's window in which device memory was accessed.
    memory_copy_utilization_percent: Optional[float]
    #: Video encoder.
    encoder_utilization_percent: Optional[float]
    #: Video decoder.
    decoder_utilization_percent: Optional[float]
    #: JPEG engine.
    jpeg_utilization_percent: Optional[float]
    #: Optical flow engine.
    optical_flow_utilization_percent: Optional[float]
    #: Time in which the graphics or compute engine was active.
    graphics_active_percent: Optional[float]
    #: Time in which an SM had at least one warp, averaged over all SMs.
    sm_active_percent: Optional[float]
    #: Resident warps over the most that there could be, averaged over all SMs.
    sm_occupancy_percent: Optional[float]
    #: Time in which the tensor pipes were active.
    tensor_active_percent: Optional[float]
    #: Device memory bandwidth in use over its peak.
    dram_active_percent: Optional[float]
    #: Time in which the FP64 pipes were active.
    fp64_active_percent: Optional[float]
    #: Time in which the FP32 pipes were active.
    fp32_active_percent: Optional[float]
    #: Time in which the FP16 pipes were active, tensor pipes excluded.
    fp16_active_percent: Optional[float]
    #: Time in which the integer pipes were active.
    integer_active_percent: Optional[float]
    #: Video encoder sessions.
    encoder_sessions: Optional[int]
    #: Device memory that can still be allocated.
    memory_free_mb: Optional[float]
    #: Device memory that driver and firmware keep for themselves.
    memory_reserved_mb: Optional[float]
    #: Device memory mapped for direct access from the host.
    bar1_used_mb: Optional[float]
    #: How much can be mapped.
    bar1_total_mb: Optional[float]
    #: Of the device memory.
    memory_temperature_celsius: Optional[float]
    #: Of the hottest place on the chip.
    hotspot_temperature_celsius: Optional[float]
    #: From here on the device slows itself down.
    slowdown_temperature_celsius: Optional[float]
    #: From here on it switches itself off.
    shutdown_temperature_celsius: Optional[float]
    #: Intended speed of the fan over its nominal one.
    fan_speed_percent: Optional[float]
    #: Board power at this moment.
    power_instant_watts: Optional[float]
    #: Board power over the driver's last second.
    power_average_watts: Optional[float]
    #: The lowest of all limits that hold now.
    power_limit_enforced_watts: Optional[float]
    #: The limit after a restart.
    power_limit_default_watts: Optional[float]
    #: The lowest limit that can be set.
    power_limit_min_watts: Optional[float]
    #: The highest limit that can be set.
    power_limit_max_watts: Optional[float]
    #: Used since the driver was loaded; it only grows.
    energy_joules: Optional[float]
    #: Graphics clock now.
    graphics_clock_mhz: Optional[int]
    #: Clock of the video engines now.
    video_clock_mhz: Optional[int]
    #: Highest graphics clock.
    graphics_clock_max_mhz: Optional[int]
    #: Highest SM clock.
    sm_clock_max_mhz: Optional[int]
    #: Highest memory clock.
    memory_clock_max_mhz: Optional[int]
    #: Highest clock of the video engines.
    video_clock_max_mhz: Optional[int]
    #: SM clock that applications asked for.
    sm_clock_application_mhz: Optional[int]
    #: Memory clock that applications asked for.
    memory_clock_application_mhz: Optional[int]
    #: P-state: 0 is the fastest, 15 the slowest.
    performance_state: Optional[int]
    #: Time below the wanted clocks: software power cap; it only grows.
    throttle_sw_power_cap_time_seconds: Optional[float]
    #: Time below the wanted clocks: software thermal slowdown; it only grows.
    throttle_sw_thermal_time_seconds: Optional[float]
    #: Time below the wanted clocks: hardware thermal slowdown; it only grows.
    throttle_hw_thermal_time_seconds: Optional[float]
    #: Time below the wanted clocks: hardware power brake; it only grows.
    throttle_power_brake_time_seconds: Optional[float]
    #: Time below the wanted clocks: sync boost; it only grows.
    throttle_sync_boost_time_seconds: Optional[float]
    #: Corrected memory errors since the driver was loaded; it only grows.
    ecc_corrected_volatile: Optional[int]
    #: Uncorrected memory errors since the driver was loaded; it only grows.
    ecc_uncorrected_volatile: Optional[int]
    #: Corrected memory errors in the life of the device; it only grows.
    ecc_corrected: Optional[int]
    #: Uncorrected memory errors in the life of the device; it only grows.
    ecc_uncorrected: Optional[int]
    #: Pages taken out of use after several single-bit errors.
    retired_pages_single_bit: Optional[int]
    #: Pages taken out of use after a double-bit error.
    retired_pages_double_bit: Optional[int]
    #: Pages wait for a restart to be taken out of use.
    retired_pages_pending: Optional[bool]
    #: Memory rows replaced after corrected errors.
    remapped_rows_correctable: Optional[int]
    #: Memory rows replaced after uncorrected errors.
    remapped_rows_uncorrectable: Optional[int]
    #: Rows wait for a reset to be replaced.
    row_remap_pending: Optional[bool]
    #: A row could not be replaced.
    row_remap_failed: Optional[bool]
    #: PCI Express generation of the link now; it falls while the device idles.
    pcie_generation: Optional[int]
    #: The highest that device and slot allow.
    pcie_generation_max: Optional[int]
    #: PCI Express lanes of the link now.
    pcie_width: Optional[int]
    #: The most that device and slot allow.
    pcie_width_max: Optional[int]
    #: Packets that had to be sent again; it only grows.
    pcie_replays: Optional[int]
    #: Sent by the device over PCI Express; it only grows.
    pcie_sent_mb: Optional[float]
    #: Received by the device over PCI Express; it only grows.
    pcie_received_mb: Optional[float]
    #: NVLinks that are up.
    nvlink_links_active: Optional[int]
    #: Sent over all NVLinks; it only grows.
    nvlink_sent_mb: Optional[float]
    #: Received over all NVLinks; it only grows.
    nvlink_received_mb: Optional[float]
    #: Checksum errors of all NVLinks; it only grows.
    nvlink_crc_errors: Optional[int]
    #: Replays of all NVLinks; it only grows.
    nvlink_replay_errors: Optional[int]
    #: Recoveries of all NVLinks; it only grows.
    nvlink_recovery_errors: Optional[int]


class DeviceMetrics(_DeviceMetricsRequired, total=False):
    """The catalogue of metrics. Null where the device does not tell it; reasons says why."""

    reasons: Reasons


class Inventory(TypedDict):
    """Facts that rarely change; null where nobody said them."""

    vendor: Optional[str]
    architecture: Optional[str]
    compute_capability: Optional[str]
    serial: Optional[str]
    board_part: Optional[str]
    vbios: Optional[str]
    driver_version: Optional[str]
    runtime_version: Optional[str]
    cpu_affinity: Optional[str]
    compute_mode: Optional[str]
    recovery_action: Optional[str]
    parent_uuid: Optional[str]
    profile: Optional[str]
    multiprocessors: Optional[int]
    memory_bus_bits: Optional[int]
    minor_number: Optional[int]
    numa_node: Optional[int]
    persistence_mode: Optional[bool]
    ecc_enabled: Optional[bool]
    ecc_pending: Optional[bool]
    mig_enabled: Optional[bool]
    mig_pending: Optional[bool]
    gpu_instance: Optional[int]
    compute_instance: Optional[int]


class Link(TypedDict):
    index: int
    active: bool
    version: Optional[int]
    remote_pci_bus_id: Optional[str]
    remote_type: Optional[Literal["gpu", "switch", "cpu"]]
    sent_mb: Optional[float]
    received_mb: Optional[float]
    crc_errors: Optional[int]
    replay_errors: Optional[int]
    recovery_errors: Optional[int]


class FullDevicePodsItem(TypedDict):
    namespace: str
    name: str
    container: str
    #: As the device plugin calls it: nvidia.com/gpu.
    resource: str


class FullDeviceFindingsItem(TypedDict):
    code: str
    detail: str
    advice: Optional[str]


class _FullDeviceRequired(TypedDict):
    index: int
    uuid: str
    name: Optional[str]
    gpu_utilization: Optional[float]
    kernel_busy_percent: Optional[float]
    memory: Memory
    temperature_celsius: Optional[float]
    power_watts: Optional[float]
    power_limit_watts: Optional[float]
    sm_clock_mhz: Optional[float]
    memory_clock_mhz: Optional[float]
    throttle_reasons: Optional[list[str]]
    health: Literal["ok", "degraded", "failed", "lost"]
    source: str
    processes: Optional[int]
    pci_bus_id: Optional[str]
    sampled_at: Optional[Timestamp]
    #: Containers of Kubernetes that the device was handed out to, whether they use it or not;
    #: several where it is shared. null where the kubelet does not say it: no node of Kubernetes, or
    #: /var/lib/kubelet/pod-resources may not be reached.
    pods: Optional[list[FullDevicePodsItem]]
    #: Why the device is not well, the worst first.
    findings: list[FullDeviceFindingsItem]
    inventory: Inventory
    metrics: DeviceMetrics
    links: list[Link]


class FullDevice(_FullDeviceRequired, total=False):
    reasons: Reasons


class DeviceDetailPodsItem(TypedDict):
    namespace: str
    name: str
    container: str
    #: As the device plugin calls it: nvidia.com/gpu.
    resource: str


class DeviceDetailFindingsItem(TypedDict):
    code: str
    detail: str
    advice: Optional[str]


class _DeviceDetailRequired(TypedDict):
    index: int
    uuid: str
    name: Optional[str]
    gpu_utilization: Optional[float]
    kernel_busy_percent: Optional[float]
    memory: Memory
    temperature_celsius: Optional[float]
    power_watts: Optional[float]
    power_limit_watts: Optional[float]
    sm_clock_mhz: Optional[float]
    memory_clock_mhz: Optional[float]
    throttle_reasons: Optional[list[str]]
    health: Literal["ok", "degraded", "failed", "lost"]
    source: str
    processes: Optional[int]
    pci_bus_id: Optional[str]
    sampled_at: Optional[Timestamp]
    #: Containers of Kubernetes that the device was handed out to, whether they use it or not;
    #: several where it is shared. null where the kubelet does not say it: no node of Kubernetes, or
    #: /var/lib/kubelet/pod-resources may not be reached.
    pods: Optional[list[DeviceDetailPodsItem]]
    #: Why the device is not well, the worst first.
    findings: list[DeviceDetailFindingsItem]
    inventory: Inventory
    metrics: DeviceMetrics
    links: list[Link]
    timestamp: Timestamp
    seq: int


class DeviceDetail(_DeviceDetailRequired, total=False):
    reasons: Reasons
    demo: Demo


class _DevicesRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    devices: list[FullDevice]


class Devices(_DevicesRequired, total=False):
    demo: Demo
    #: With no device: how to get one.
    reason: str


class TopologyDevicesItem(TypedDict):
    index: int
    uuid: str
    name: Optional[str]
    pci_bus_id: Optional[str]
    numa_node: Optional[int]
    cpu_affinity: Optional[str]
    parent_uuid: Optional[str]


TopologyLinksItem = TypedDict("TopologyLinksItem", {
    "from": int,
    "to": int,
    "path": Literal["nvlink", "internal", "single", "multiple", "hostbridge", "node", "system"],
    "nvlinks": int,
})


class _TopologyRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    devices: list[TopologyDevicesItem]
    #: Each pair of devices once.
    links: list[TopologyLinksItem]


class Topology(_TopologyRequired, total=False):
    demo: Demo
    #: With no device: how to get one.
    reason: str


class ProcessContainer(TypedDict):
    id: Optional[str]
    runtime: Optional[str]


class ProcessPod(TypedDict):
    uid: Optional[str]
    namespace: Optional[str]
    name: Optional[str]
    container: Optional[str]


class ProcessSlurm(TypedDict):
    job: Optional[str]
    step: Optional[str]


class ProcessCapturesItemStreamsItem(TypedDict):
    #: null with stream: all others together.
    device: Optional[int]
    #: As the driver numbers them.
    stream: Optional[int]
    kind: Literal["compute", "collective", "memcpy", "memset"]
    total_calls: int
    total_time_ms: float


class ProcessCapturesItem(TypedDict):
    #: cuda, rocm, opencl, sdk.
    by: str
    runtime: Optional[str]
    detail: Literal["full", "sampled", "counts", "off"]
    #: Why it sees nothing just now.
    blind: Optional[str]
    #: Of wall time.
    cost_percent: Optional[float]
    #: The streams (queues) of the program that took longest since it was attached; null where its
    #: agent does not tell them apart.
    streams: Optional[list[ProcessCapturesItemStreamsItem]]


class ProcessDevicesItem(TypedDict):
    device: int
    type: Optional[Literal["compute", "graphics", "compute+graphics"]]
    memory_mb: Optional[float]
    sm_utilization_percent: Optional[float]
    memory_utilization_percent: Optional[float]
    encoder_utilization_percent: Optional[float]
    decoder_utilization_percent: Optional[float]
    #: Of kernels since its agent attached.
    total_calls: Optional[int]
    #: The sum of their durations.
    kernel_time_ms: Optional[float]
    #: Device memory that it holds by its own allocations.
    allocated_mb: Optional[float]
    allocated_peak_mb: Optional[float]


class Process(TypedDict):
    pid: int
    name: Optional[str]
    user: Optional[str]
    command: Optional[str]
    unit: Optional[str]
    uid: Optional[int]
    parent_pid: Optional[int]
    started: Optional[Timestamp]
    container: Optional[ProcessContainer]
    pod: Optional[ProcessPod]
    slurm: Optional[ProcessSlurm]
    #: What captures its kernels, and how well.
    captures: list[ProcessCapturesItem]
    #: Why its kernels are not seen, and what to do.
    no_kernels_reason: Optional[str]
    devices: list[ProcessDevicesItem]


class _ProcessesRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    processes: list[Process]
    #: That match, before offset and limit.
    total_processes: int


class Processes(_ProcessesRequired, total=False):
    demo: Demo


class EventsEventsItem(TypedDict):
    timestamp: Timestamp
    device: Optional[int]
    uuid: Optional[str]
    kind: str
    #: The number of an XID.
    code: Optional[int]
    severity: Literal["info", "warning", "critical"]
    message: str
    advice: Optional[str]


class EventsCountsItem(TypedDict):
    device: Optional[int]
    uuid: Optional[str]
    kind: str
    code: Optional[int]
    count: int
    first: Timestamp
    last: Timestamp


class _EventsRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    events: list[EventsEventsItem]
    #: Of all events since the server began, by device, kind and code.
    counts: list[EventsCountsItem]
    total_events: int


class Events(_EventsRequired, total=False):
    demo: Demo


class Alert(TypedDict):
    id: str
    rule: str
    severity: Literal["warning", "critical"]
    state: Literal["pending", "firing", "resolved"]
    message: str
    timestamp: Timestamp
    resolved_at: Optional[Timestamp]
    metric: str
    #: The worst while it fired.
    value: float
    threshold: float
    #: null: it is about the whole machine.
    device: Optional[int]
    uuid: Optional[str]
    acknowledged: bool
    #: The name of a token
    acknowledged_by: Optional[str]
    #: null: it is about no kernel.
    kernel: Optional[str]
    labels: dict[str, str]
    runbook: Optional[str]
    #: Its rule calls people.
    notify: bool
    #: A silence keeps it from calling them.
    silenced: bool
    #: Another alert that fires explains it.
    inhibited: bool


class _RuleTextRequired(TypedDict):
    name: str
    #: A condition, such as `p95 of kernel "gemm*" above 2 ms for 5 min`.
    when: str


class RuleText(_RuleTextRequired, total=False):
    #: How long it must be over before the alert resolves: 30s.
    keep: str
    severity: Literal["warning", "critical"]
    summary: str
    runbook: str
    labels: dict[str, str]
    #: It calls people.
    notify: bool


class Rule(TypedDict):
    name: str
    origin: Literal["built-in", "file", "api"]
    when: str
    keep: Optional[str]
    severity: Literal["warning", "critical"]
    summary: Optional[str]
    runbook: Optional[str]
    labels: dict[str, str]
    notify: bool
    pending: int
    firing: int


class Rules(TypedDict):
    rules: list[Rule]


class _SilenceTextRequired(TypedDict):
    #: All must match: rule=xid*, severity!=critical, or any label.
    matchers: list[str]


class SilenceText(_SilenceTextRequired, total=False):
    """Give either ends_at or duration."""

    starts_at: Timestamp
    ends_at: Timestamp
    #: How long, from starts_at: 30m.
    duration: str
    comment: str


class Silence(TypedDict):
    id: str
    matchers: list[str]
    starts_at: Timestamp
    ends_at: Timestamp
    comment: str
    created_by: str


class Silences(TypedDict):
    silences: list[Silence]


class _ChannelTextRequired(TypedDict):
    name: str
    kind: Literal["webhook", "slack", "pagerduty", "alertmanager", "email"]


class ChannelText(_ChannelTextRequired, total=False):
    url: str
    #: Key of signatures, routing key, bearer token or password.
    secret: str
    #: Of e-mail: the address it comes from.
    sender: str
    to: list[str]
    user: str
    #: Only alerts that match all are told.
    matchers: list[str]
    #: Addresses that may be dialled beside public ones.
    allow: list[Literal["loopback", "private", "link_local"]]


class Channel(TypedDict):
    name: str
    origin: Literal["file", "api"]
    kind: Literal["webhook", "slack", "pagerduty", "alertmanager", "email", "command"]
    #: Scheme, host and port alone: the rest may be a secret.
    url: Optional[str]
    sender: Optional[str]
    to: list[str]
    matchers: list[str]
    allow: list[str]
    queued: int
    delivered: int
    retries: int
    dropped: int
    #: Of the last try.
    problem: Optional[str]


class Channels(TypedDict):
    channels: list[Channel]


class _AlertsRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    alerts: list[Alert]
    active_alerts: int
    total_alerts_today: int


class Alerts(_AlertsRequired, total=False):
    demo: Demo


class _ReportDevicesItemRequired(TypedDict):
    index: int
    uuid: str
    #: Union of the intervals of kernels.
    kernel_busy_ms: Optional[float]
    #: The same with copies and sets.
    gpu_busy_ms: Optional[float]
    #: First start to last end of GPU work.
    span_ms: Optional[float]
    #: How long the source really looked.
    covered_ms: Optional[float]
    #: Kernel busy over span.
    utilization_percent: Optional[float]


class ReportDevicesItem(_ReportDevicesItemRequired, total=False):
    reasons: Reasons


class ReportSummary(TypedDict):
    total_kernel_calls: int
    total_gpu_time_ms: float
    avg_kernel_time_ms: Optional[float]
    memory_efficiency: str


class _ReportRequired(TypedDict):
    timestamp: Timestamp
    seq: int
    gpu_status: Status
    top_kernels: list[Kernel]
    active_alerts: list[Alert]
    devices: list[ReportDevicesItem]
    summary: ReportSummary
    #: Every way in which something can be missing from what is shown.
    losses: dict[str, int]
    window: Window


class Report(_ReportRequired, total=False):
    demo: Demo


class StreamMetricsRecentKernelsItem(TypedDict):
    name: str
    duration_ms: float
    id: KernelId
    device: int
    timestamp: Timestamp


class StreamMetricsDevicesItem(TypedDict):
    index: int
    gpu_utilization: Optional[float]
    memory_used_mb: Optional[float]
    power_watts: Optional[float]
    temperature_celsius: Optional[float]


class _StreamMetricsRequired(TypedDict):
    type: Literal['gpu_metrics']
    timestamp: Timestamp
    seq: int
    gpu_utilization: Optional[float]
    memory_used_mb: Optional[float]
    recent_kernels: list[StreamMetricsRecentKernelsItem]
    devices: list[StreamMetricsDevicesItem]
    #: Messages that this connection has missed in all.
    dropped: int


class StreamMetrics(_StreamMetricsRequired, total=False):
    demo: Demo


class ProblemErrorsItem(TypedDict):
    parameter: str
    reason: str


class _ProblemRequired(TypedDict):
    type: str
    title: str
    status: int
    detail: str


class Problem(_ProblemRequired, total=False):
    errors: list[ProblemErrorsItem]


class GetVersionAnswer(TypedDict):
    name: str
    version: str
    api: str

__all__ = [
    "Accepted",
    "Alert",
    "Alerts",
    "Channel",
    "ChannelText",
    "Channels",
    "Demo",
    "Device",
    "DeviceDetail",
    "DeviceDetailFindingsItem",
    "DeviceDetailPodsItem",
    "DeviceMetrics",
    "Devices",
    "Events",
    "EventsCountsItem",
    "EventsEventsItem",
    "Execution",
    "Executions",
    "Fleet",
    "FleetAlerts",
    "FleetDevice",
    "FleetDriftItem",
    "FleetDriftItemOthersItem",
    "FleetHealth",
    "FleetHistory",
    "FleetHistorySeriesItem",
    "FleetMemory",
    "FleetNode",
    "FullDevice",
    "FullDeviceFindingsItem",
    "FullDevicePodsItem",
    "GetVersionAnswer",
    "History",
    "HistoryAvailabilityItem",
    "HistorySeriesItem",
    "HistorySeriesItemTrend",
    "Inventory",
    "Kernel",
    "KernelDetail",
    "KernelDetailHistogram",
    "KernelDetailHistogramBucketsItem",
    "KernelDetailLastExecutionsItem",
    "KernelDetailLaunchShapesItem",
    "KernelDetailPerDeviceItem",
    "KernelDetailPerProcessItem",
    "KernelHistory",
    "KernelHistoryTotal",
    "KernelId",
    "Kernels",
    "Link",
    "Memory",
    "Problem",
    "ProblemErrorsItem",
    "Process",
    "ProcessCapturesItem",
    "ProcessCapturesItemStreamsItem",
    "ProcessContainer",
    "ProcessDevicesItem",
    "ProcessPod",
    "ProcessSlurm",
    "Processes",
    "Reasons",
    "Report",
    "ReportDevicesItem",
    "ReportSummary",
    "Rule",
    "RuleText",
    "Rules",
    "Sample",
    "Samples",
    "Session",
    "Silence",
    "SilenceText",
    "Silences",
    "Status",
    "StreamMetrics",
    "StreamMetricsDevicesItem",
    "StreamMetricsRecentKernelsItem",
    "SubmittedDevice",
    "System",
    "SystemBackendsItem",
    "SystemEngine",
    "SystemExportsItem",
    "SystemFleet",
    "SystemHistory",
    "SystemLog",
    "SystemProcess",
    "SystemRoutesItem",
    "SystemServer",
    "Timestamp",
    "Topology",
    "TopologyDevicesItem",
    "TopologyLinksItem",
    "Trace",
    "TraceOtherData",
    "TraceWish",
    "Window",
]
