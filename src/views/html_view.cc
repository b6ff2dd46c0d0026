// SPDX-License-Identifier: Apache-2.0
#include "views/html_view.h"

#include <span>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "model/alert_query.h"
#include "views/html_charts.h"
#include "views/human.h"
#include "views/summary.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --bg: #ffffff; --panel: #f6f8fa; --text: #1f2328;
  --soft: #59636e; --line: #d1d9e0; --ok: #015774; --warn: #8d7114; --crit: #713330;
  --bar: #4932a4; }
@media (prefers-color-scheme: dark) { :root { --bg: #0d1117; --panel: #151b23; --text: #f0f6fc;
  --soft: #9198a1; --line: #3d444d; --ok: #1fb8f1; --warn: #f0cf58; --crit: #c96955;
  --bar: #5e71f3; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 16px 48px; max-width: 1280px; background: var(--bg);
  color: var(--text); font: 14px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 20px; margin: 0; } h2 { font-size: 16px; margin: 32px 0 8px; }
p { margin: 4px 0; } .soft { color: var(--soft); }
.demo { margin: 16px 0 0; padding: 8px 12px; border: 1px solid var(--warn); border-radius: 6px;
  color: var(--warn); font-weight: 600; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; }
caption, figcaption { text-align: left; padding: 8px 12px; color: var(--soft); }
figure { margin: 0 0 12px; }
th, td { padding: 6px 10px; text-align: right; white-space: nowrap;
  border-top: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 500; background: var(--panel); }
.text { text-align: left; } th[scope=row] { font-weight: 500; }
.name { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 220px;
  font-family: ui-monospace, monospace; font-size: 13px; }
.ok { color: var(--ok); } .warning, .degraded { color: var(--warn); }
.critical, .failed, .lost { color: var(--crit); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(160px, 1fr)); gap: 8px;
  margin: 16px 0 0; }
dl div { background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 8px 12px; }
dt { color: var(--soft); } dd { margin: 0; font-size: 20px; }
@media print { body { max-width: none; } .scroll { overflow: visible; } }
)css";

constexpr std::string_view kLatencyKey =
    "<span class=\"key all\"></span>shortest to longest<span class=\"key mid\"></span>median"
    "<span class=\"key late\"></span>p99";

/// A page under way. Text goes in by text(), tags by tag().
class Page {
 public:
  void tag(std::string_view html) { html_ += html; }
  void text(std::string_view text) { html_ += html_escaped(text); }
  void element(std::string_view open, std::string_view content, std::string_view close) {
    tag(open);
    text(content);
    tag(close);
  }

  /// `columns`: titles; those that begin with '<' are of text and stand on the left.
  void begin_table(std::string_view caption, std::span<const std::string_view> columns) {
    tag("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
    text(caption);
    tag("\"><table><caption>");
    text(caption);
    tag("</caption><thead><tr>");
    for (std::string_view title : columns) {
      const bool left = title.starts_with('<');
      if (left) title.remove_prefix(1);
      element(left ? "<th scope=\"col\" class=\"text\">" : "<th scope=\"col\">", title, "</th>");
    }
    tag("</tr></thead><tbody>\n");
  }
  void end_table() { tag("</tbody></table></div>\n"); }

  /// A drawing with its caption; `key` and `svg` are our own HTML. Nothing where there is none.
  void chart(std::string_view caption, std::string_view key, std::string_view svg) {
    if (svg.empty()) return;
    tag("<figure class=\"scroll\" tabindex=\"0\"><figcaption>");
    text(caption);
    tag(key);
    tag("</figcaption>");
    tag(svg);
    tag("</figure>\n");
  }

  void cell(std::string_view content) { element("<td>", content, "</td>"); }
  void text_cell(std::string_view content) { element("<td class=\"text\">", content, "</td>"); }

  /// A dash that says why when it is pointed at, and to screen readers.
  template <class T, class Show>
  void reading(const Reading<T>& value, Show show) {
    if (value) return cell(show(*value));
    tag("<td><span title=\"");
    text(to_string(value.error()));
    tag("\" aria-label=\"not known: ");
    text(to_string(value.error()));
    tag("\">-</span></td>");
  }

  [[nodiscard]] std::string take() { return std::move(html_); }

 private:
  std::string html_;
};

void add_figure(Page& page, std::string_view title, std::string_view value) {
  page.element("<div><dt>", title, "</dt>");
  page.element("<dd>", value, "</dd></div>");
}

void add_heading(Page& page, const Frame& frame) {
  page.tag("<header><h1>GPU report</h1><p class=\"soft\">");
  page.text(fmt::format("{}, up {}, frame {}", human_timestamp(frame.edge),
                        human_uptime(uptime_seconds(frame)), frame.seq));
  page.tag("</p>");
  if (is_demo(frame)) page.element("<p class=\"demo\" role=\"note\">", kDemoBanner, "</p>");
  page.tag("</header>\n");
}

void add_figures(Page& page, const Frame& frame) {
  const MachineTotals totals = total_of(selected_devices(frame, {}));
  const KernelSummary kernels = summarize_kernels(frame);
  page.tag("<dl>");
  add_figure(page, "Utilization",
             totals.utilization ? human_percent(totals.utilization->count()) : "-");
  add_figure(page, "Memory used", totals.memory_used ? human_bytes(*totals.memory_used) : "-");
  add_figure(page, "Kernel calls", human_count(kernels.calls));
  add_figure(page, "Kernel time", human_time(kernels.time_ns));
  add_figure(page, "Average kernel",
             kernels.calls > 0 ? human_time(rounded_mean(kernels.time_ns, kernels.calls)) : "-");
  add_figure(page, "Memory", memory_efficiency(frame.memory_reuse));
  page.tag("</dl>\n");
}

void add_device(Page& page, const DeviceRow& row) {
  const DeviceSample& s = row.sample;
  page.tag("<tr>");
  page.element("<th scope=\"row\">", fmt::format("{}", row.index), "</th>");
  page.text_cell(row.info->name.empty() ? "-" : row.info->name);
  page.tag(fmt::format("<td class=\"text {0}\">{0}</td>", to_string(s.health)));
  const auto percent = [](Percent p) { return human_percent(p.count()); };
  page.reading(shown_utilization(row), percent);
  page.reading(row.kernel_busy, percent);
  page.reading(s.memory_used, human_bytes);
  page.reading(s.memory_total, human_bytes);
  page.reading(s.power, [](Watts w) { return fmt::format("{:.0f} W", w.count()); });
  page.reading(s.temperature, [](Celsius c) { return fmt::format("{:.0f} °C", c.count()); });
  page.reading(s.sm_clock, [](Megahertz m) { return fmt::format("{} MHz", m.count()); });
  const auto span = span_ns(row.activity);
  page.cell(span ? human_time(row.activity.kernel_busy_ns) : "-");
  page.cell(span ? human_time(*span) : "-");
  page.text_cell(row.info->source);
  page.tag("</tr>\n");
}

void add_devices(Page& page, const Frame& frame) {
  page.tag("<section><h2>Devices</h2>");
  if (frame.devices.empty()) {
    page.element("<p>", frame.no_device_reason.empty() ? "No GPU is known" : frame.no_device_reason,
                 "</p></section>\n");
    return;
  }
  static constexpr std::string_view kColumns[] = {
      "GPU",   "<Name", "<Health",  "Utilization", "Kernel busy", "Memory used", "Memory",
      "Power", "Temp.", "SM clock", "Busy time",   "Span",        "<Source"};
  page.chart("Of each device, as parts of the whole", "", device_chart(frame));
  page.begin_table("Every device, with its newest readings", kColumns);
  for (const DeviceRow& row : frame.devices) add_device(page, row);
  page.end_table();
  page.tag("</section>\n");
}

void add_kernel(Page& page, const KernelStats& stats) {
  const KernelCounters& counters = stats.counters;
  const auto time = [&](std::uint64_t ns) {
    page.cell(counters.calls == 0 ? "-" : human_time(ns));
  };
  page.tag("<tr><th scope=\"row\" class=\"name\" title=\"");
  page.text(truncate_utf8(stats.name->name, 1024));
  page.tag("\">");
  page.text(stats.name->short_name);
  page.tag("</th>");
  page.text_cell(to_string(stats.kind));
  page.cell(human_count(counters.calls));
  page.cell(human_time(counters.sum_ns));
  page.cell(human_percent(stats.share_percent));
  time(counters.calls == 0 ? 0 : rounded_mean(counters.sum_ns, counters.calls));
  time(stats.percentiles.p50_ns);
  time(stats.percentiles.p99_ns);
  time(counters.max_ns);
  page.tag("</tr>\n");
}

void add_kernels(Page& page, const KernelList& top) {
  page.tag("<section><h2>Top kernels</h2>");
  page.chart("Share of the time of all kernels", "", share_chart(top.rows));
  page.chart("How long they took, on a logarithmic axis", kLatencyKey, latency_chart(top.rows));
  static constexpr std::string_view kColumns[] = {"<Kernel", "<Kind", "Calls", "Total",  "Share",
                                                  "Average", "p50",   "p99",   "Longest"};
  page.begin_table(fmt::format("The {} kernels with the most time, of {}", top.rows.size(),
                               human_count(top.total_kernels)),
                   kColumns);
  for (const KernelStats& stats : top.rows) add_kernel(page, stats);
  page.end_table();
  page.tag("</section>\n");
}

void add_alerts(Page& page, const Frame& frame) {
  page.tag("<section><h2>Active alerts</h2>");
  const auto alerts = select_alerts(frame, {.limit = 0});
  if (alerts.empty()) {
    page.tag("<p>None.</p></section>\n");
    return;
  }
  static constexpr std::string_view kColumns[] = {"<Severity", "<Since", "GPU",
                                                  "<Message",  "Worst",  "Threshold"};
  page.begin_table("Alerts that are firing", kColumns);
  for (const Alert* alert : alerts) {
    page.tag(fmt::format("<tr><td class=\"text {0}\">{0}</td>", to_string(alert->severity)));
    page.text_cell(human_timestamp(alert->began));
    page.cell(alert->uuid.empty() ? "" : fmt::format("{}", alert->device));
    page.text_cell(alert->message);
    page.cell(fmt::format("{:.4g}", alert->value));
    page.cell(fmt::format("{:.4g}", alert->threshold));
    page.tag("</tr>\n");
  }
  page.end_table();
  page.tag("</section>\n");
}

void add_losses(Page& page, const Frame& frame) {
  std::vector<const LossInfo*> lost;
  for (const LossInfo& info : kLosses) {
    if (frame.losses[info.loss] != 0) lost.push_back(&info);
  }
  if (lost.empty()) return;
  static constexpr std::string_view kColumns[] = {"Count", "<What"};
  page.tag("<section><h2>Lost or inexact</h2>");
  page.begin_table("What happened and is not in the numbers above", kColumns);
  for (const LossInfo* info : lost) {
    page.tag("<tr>");
    page.cell(human_count(frame.losses[info->loss]));
    page.text_cell(info->help);
    page.tag("</tr>\n");
  }
  page.end_table();
  page.tag("</section>\n");
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : clean_text(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string report_html(const Frame& frame, const KernelList& top) {
  Page page;
  page.tag(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; base-uri 'none'; form-action 'none'\"><title>");
  page.text(
      fmt::format("{}GPU report, {}", is_demo(frame) ? "DEMO: " : "", human_timestamp(frame.edge)));
  page.tag("</title><style>");
  page.tag(kStyle);
  page.tag(chart_style());
  page.tag("</style></head>\n<body>");
  add_heading(page, frame);
  page.tag("<main>");
  add_figures(page, frame);
  add_devices(page, frame);
  add_kernels(page, top);
  add_alerts(page, frame);
  add_losses(page, frame);
  page.tag("</main></body></html>\n");
  return page.take();
}

}  // namespace gpuvigil
