// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/json_writer.h"
#include "model/frame.h"
#include "model/kernel_query.h"
#include "views/summary.h"

/// Objects that stand in more than one answer.
namespace gpuvigil::detail {

inline constexpr unsigned kPercentPlaces = 2;
inline constexpr unsigned kSharePlaces = 4;
inline constexpr unsigned kSensorPlaces = 3;  ///< Watts, degrees.

/// `"timestamp":...,"seq":...`
void write_stamp(JsonWriter& json, const Frame& frame);

/// A text under its key; of an empty one, null.
void write_text(JsonWriter& json, std::string_view key, std::string_view text);

/// `"reason":...`: why there is no device, and how to get one.
void write_no_device(JsonWriter& json, const Frame& frame);

/// The fields of a device in /status, without their braces.
void write_device_fields(JsonWriter& json, const DeviceRow& row);

void write_status(JsonWriter& json, const Frame& frame, const DeviceSelection& selection);

/// A row of GET /kernels, as an object.
void write_kernel(JsonWriter& json, const KernelStats& stats);

/// The fields of that row, without their braces.
void write_kernel_fields(JsonWriter& json, const KernelStats& stats);

/// Every kind of loss with its count, as an object.
void write_losses(JsonWriter& json, const LossCounters& losses);

void write_window(JsonWriter& json, const CoveredWindow& window);

/// A number of a device that may not be there.
void write_percent(JsonWriter& json, const Reading<Percent>& reading);
void write_bytes(JsonWriter& json, const Reading<Bytes>& reading);

template <class Unit>
void write_sensor(JsonWriter& json, const Reading<Unit>& reading) {
  if (!reading) return json.null();
  json.decimal(static_cast<double>(reading->count()), kSensorPlaces);
}

/// The reasons beside nulls: an object that begins with the first null and is not there without
/// one. Call end() after the last.
class ReasonsWriter {
 public:
  explicit ReasonsWriter(JsonWriter& json) : json_(json) {}

  template <class T>
  void add(std::string_view field, const Reading<T>& reading) {
    if (!reading) add_reason(field, to_string(reading.error()));
  }
  void add_reason(std::string_view field, std::string_view reason) {
    if (!begun_) {
      json_.key("reasons");
      json_.begin_object();
      begun_ = true;
    }
    json_.key(field);
    json_.string(reason);
  }
  void end() {
    if (begun_) json_.end_object();
  }

 private:
  JsonWriter& json_;
  bool begun_ = false;
};

}  // namespace gpuvigil::detail
