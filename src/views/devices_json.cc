// SPDX-License-Identifier: Apache-2.0
// Devices in full, and how they are joined.
#include <optional>
#include <string>

#include "views/json_parts.h"
#include "views/json_views.h"

namespace gpuvigil {
namespace detail {

void write_text(JsonWriter& json, std::string_view key, std::string_view text) {
  json.key(key);
  if (text.empty()) return json.null();
  json.string(text);
}

namespace {

void write(JsonWriter& json, bool value) {
  json.boolean(value);
}
void write(JsonWriter& json, std::uint32_t value) {
  json.number(value);
}
void write(JsonWriter& json, std::int32_t value) {
  json.decimal(value, 0);
}

template <class T>
void write_fact(JsonWriter& json, std::string_view key, const std::optional<T>& value) {
  json.key(key);
  if (!value) return json.null();
  write(json, *value);
}

/// Facts of a device; what nobody said is null.
void write_inventory(JsonWriter& json, const DeviceInventory& facts) {
  json.begin_object();
  write_text(json, "vendor", facts.vendor);
  write_text(json, "architecture", facts.architecture);
  write_text(json, "compute_capability", facts.compute_capability);
  write_text(json, "serial", facts.serial);
  write_text(json, "board_part", facts.board_part);
  write_text(json, "vbios", facts.vbios);
  write_text(json, "driver_version", facts.driver_version);
  write_text(json, "runtime_version", facts.runtime_version);
  write_fact(json, "multiprocessors", facts.multiprocessors);
  write_fact(json, "memory_bus_bits", facts.memory_bus_bits);
  write_fact(json, "minor_number", facts.minor_number);
  write_fact(json, "numa_node", facts.numa_node);
  write_text(json, "cpu_affinity", facts.cpu_affinity);
  write_text(json, "compute_mode", facts.compute_mode);
  write_fact(json, "persistence_mode", facts.persistence_mode);
  write_fact(json, "ecc_enabled", facts.ecc_enabled);
  write_fact(json, "ecc_pending", facts.ecc_pending);
  write_fact(json, "mig_enabled", facts.mig_enabled);
  write_fact(json, "mig_pending", facts.mig_pending);
  write_text(json, "recovery_action", facts.recovery_action);
  write_text(json, "parent_uuid", facts.parent_uuid);
  write_text(json, "profile", facts.profile);
  write_fact(json, "gpu_instance", facts.gpu_instance);
  write_fact(json, "compute_instance", facts.compute_instance);
  json.end_object();
}

void write_value(JsonWriter& json, Unit unit, double value) {
  switch (unit) {
    case Unit::kPercent:
      return json.decimal(value, kPercentPlaces);
    case Unit::kBytes:
      return json.mebibytes(Bytes(static_cast<std::uint64_t>(value)));
    case Unit::kFlag:
      return json.boolean(value != 0);
    case Unit::kMegahertz:
    case Unit::kCount:
      return json.number(static_cast<std::uint64_t>(value));
    case Unit::kCelsius:
    case Unit::kWatts:
    case Unit::kJoules:
    case Unit::kSeconds:
      return json.decimal(value, kSensorPlaces);
  }
}

std::string json_name(const DeviceMetric& metric) {
  return std::string(metric.name) + std::string(json_suffix(metric.unit));
}

/// The whole catalogue.
void write_metrics(JsonWriter& json, const DeviceSample& sample) {
  json.begin_object();
  for (const DeviceMetric& metric : kDeviceMetrics) {
    json.key(json_name(metric));
    const Reading<double> reading = reading_of(sample, metric.id);
    if (reading) {
      write_value(json, metric.unit, *reading);
    } else {
      json.null();
    }
  }
  ReasonsWriter reasons(json);
  for (const DeviceMetric& metric : kDeviceMetrics) {
    reasons.add(json_name(metric), reading_of(sample, metric.id));
  }
  reasons.end();
  json.end_object();
}

void write_count(JsonWriter& json, std::string_view key, const Reading<std::uint64_t>& count) {
  json.key(key);
  if (!count) return json.null();
  json.number(*count);
}

void write_link(JsonWriter& json, const DeviceLink& link) {
  json.begin_object();
  json.key("index");
  json.number(link.index);
  json.key("active");
  json.boolean(link.is_active);
  write_fact(json, "version", link.version);
  write_text(json, "remote_pci_bus_id", link.remote_pci_bus_id);
  write_text(json, "remote_type", link.remote_type);
  json.key("sent_mb");
  write_bytes(json, link.sent);
  json.key("received_mb");
  write_bytes(json, link.received);
  write_count(json, "crc_errors", link.crc_errors);
  write_count(json, "replay_errors", link.replay_errors);
  write_count(json, "recovery_errors", link.recovery_errors);
  json.end_object();
}

void write_findings(JsonWriter& json, const DeviceDetails* details) {
  json.begin_array();
  if (details != nullptr) {
    for (const HealthFinding& finding : details->findings) {
      json.begin_object();
      json.key("code");
      json.string(finding.code);
      json.key("detail");
      json.string(finding.detail);
      write_text(json, "advice", finding.advice);
      json.end_object();
    }
  }
  json.end_array();
}

/// Null where nobody says who holds devices.
void write_pods(JsonWriter& json, const Frame& frame, const DeviceRow& row) {
  json.key("pods");
  if (!frame.holders) return json.null();
  const auto& facts = row.sample.inventory;
  const auto minor = facts ? facts->minor_number : std::nullopt;
  json.begin_array();
  for (const DeviceHolder& holder : *frame.holders) {
    if (!is_device_id_of(holder.device_id, *row.info, minor)) continue;
    json.begin_object();
    json.key("namespace");
    json.string(holder.pod_namespace);
    json.key("name");
    json.string(holder.pod);
    json.key("container");
    json.string(holder.container);
    json.key("resource");
    json.string(holder.resource);
    json.end_object();
  }
  json.end_array();
}

/// The fields of a device in full, without their braces: those of its row in /status, and more.
void write_full_device(JsonWriter& json, const Frame& frame, const DeviceRow& row) {
  write_device_fields(json, row);
  write_text(json, "pci_bus_id", row.info->pci_bus_id);
  json.key("sampled_at");
  if (row.sample.at == Timestamp{}) {
    json.null();
  } else {
    json.timestamp(row.sample.at);
  }
  const DeviceDetails* details = row.sample.details ? row.sample.details->get() : nullptr;
  write_pods(json, frame, row);
  json.key("findings");
  write_findings(json, details);
  json.key("inventory");
  write_inventory(json, row.sample.inventory ? *row.sample.inventory : DeviceInventory{});
  json.key("metrics");
  write_metrics(json, row.sample);
  json.key("links");
  json.begin_array();
  if (details != nullptr) {
    for (const DeviceLink& link : details->links) write_link(json, link);
  }
  json.end_array();
}

std::optional<std::uint32_t> index_of(const Frame& frame, std::string_view uuid) {
  for (const DeviceRow& row : frame.devices) {
    if (row.info->uuid == uuid) return row.index;
  }
  return std::nullopt;
}

void write_node(JsonWriter& json, const DeviceRow& row) {
  json.begin_object();
  json.key("index");
  json.number(row.index);
  json.key("uuid");
  json.string(row.info->uuid);
  write_text(json, "name", row.info->name);
  write_text(json, "pci_bus_id", row.info->pci_bus_id);
  const auto& facts = row.sample.inventory;
  write_fact(json, "numa_node", facts ? facts->numa_node : std::nullopt);
  write_text(json, "cpu_affinity", facts ? facts->cpu_affinity : "");
  write_text(json, "parent_uuid", facts ? facts->parent_uuid : "");
  json.end_object();
}

}  // namespace
}  // namespace detail

using namespace detail;

std::string devices_json(const Frame& frame, const DeviceSelection& selection) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  json.key("devices");
  json.begin_array();
  const auto devices = selected_devices(frame, selection);
  for (const DeviceRow* row : devices) {
    json.begin_object();
    write_full_device(json, frame, *row);
    json.end_object();
  }
  json.end_array();
  if (devices.empty()) write_no_device(json, frame);
  json.end_object();
  json.finish();
  return out;
}

std::string device_json(const Frame& frame, const DeviceRow& row) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  write_full_device(json, frame, row);
  json.end_object();
  json.finish();
  return out;
}

std::string topology_json(const Frame& frame) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  json.key("devices");
  json.begin_array();
  for (const DeviceRow& row : frame.devices) write_node(json, row);
  json.end_array();
  json.key("links");
  json.begin_array();
  for (const DeviceRow& row : frame.devices) {
    if (!row.sample.inventory) continue;
    for (const PeerDevice& peer : row.sample.inventory->peers) {
      const auto other = index_of(frame, peer.uuid);
      if (!other || *other <= row.index) continue;  // each pair once
      json.begin_object();
      json.key("from");
      json.number(row.index);
      json.key("to");
      json.number(*other);
      json.key("path");
      json.string(peer.path);
      json.key("nvlinks");
      json.number(peer.nvlinks);
      json.end_object();
    }
  }
  json.end_array();
  if (frame.devices.empty()) write_no_device(json, frame);
  json.end_object();
  json.finish();
  return out;
}

}  // namespace gpuvigil
