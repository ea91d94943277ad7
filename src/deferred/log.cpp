#include <whorl/deferred/context.h>
#include <whorl/deferred/log.h>
#include <whorl/deferred/mutex.h>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace whorl {

namespace {

constexpr std::array<std::string_view, 4> level_names{"debug", "info", "warning", "error"};

int threshold_from_environment() {
  const char* wanted = std::getenv("WHORL_LOG");  // NOLINT(concurrency-mt-unsafe): read once, before threads write it
  for (std::size_t level = 0; wanted != nullptr && level < level_names.size(); ++level) {
    if (wanted == level_names.at(level)) {
      return static_cast<int>(level);
    }
  }
  return static_cast<int>(log_level::info);
}

std::atomic<int>& threshold() {
  static std::atomic<int> level = threshold_from_environment();
  return level;
}

struct sink_holder {
  mutex access;
  std::shared_ptr<log_sink> sink WHORL_GUARDED_BY(access);
};

sink_holder& current_sink() {
  static sink_holder holder;
  return holder;
}

std::string& thread_name() {
  static thread_local std::string name = "main";
  return name;
}

// A value with spaces, quotes or line ends is quoted, so that a line stays a line and can be taken apart again.
void append_value(std::string& line, std::string_view value) {
  if (!value.empty() && value.find_first_of(" \"\n\t\r=") == std::string_view::npos) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    switch (c) {
      case '\n': line += "\\n"; break;
      case '\r': line += "\\r"; break;
      case '\t': line += "\\t"; break;
      case '"': line += "\\\""; break;
      case '\\': line += "\\\\"; break;
      default: line += c;
    }
  }
  line += '"';
}

// The work's own fields, the newest first; an older one of the same name is hidden.
void append_context(std::string& line) {
  std::vector<std::string_view> seen;
  for (const auto* at = detail::this_thread.context; at != nullptr; at = at->outer()) {
    const std::string_view name = at->log_name();
    if (name.empty() || std::ranges::find(seen, name) != seen.end()) {
      continue;
    }
    seen.push_back(name);
    line += ' ';
    line += name;
    line += '=';
    append_value(line, at->log_text());
  }
}

std::shared_ptr<log_sink> sink_in_use() {
  sink_holder& holder = current_sink();
  const mutex_lock lock(holder.access);
  return holder.sink;
}

bool below_threshold(log_level level) { return static_cast<int>(level) < threshold().load(std::memory_order_relaxed); }

void write_to_standard_error(std::string line) {
  line += '\n';
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

constinit std::atomic<void (*)() noexcept> told_of_changes = nullptr;

}  // namespace

std::string log_line(log_level level, std::string_view what, std::initializer_list<log_field> fields) {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  std::string line =
      fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z {} [{}] {}", fmt::gmtime(seconds), (now - seconds).count(),
                  level_names.at(static_cast<std::size_t>(level)), thread_name(), what);
  for (const auto& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    append_value(line, field.value);
  }
  append_context(line);
  return line;
}

void log(log_level level, std::string_view what, std::initializer_list<log_field> fields) {
  if (below_threshold(level)) {
    return;
  }
  std::string line = log_line(level, what, fields);
  if (const std::shared_ptr<log_sink> sink = sink_in_use()) {
    (*sink)(level, line);
    return;
  }
  write_to_standard_error(std::move(line));
}

void set_log_threshold(log_level least) noexcept {
  threshold().store(static_cast<int>(least), std::memory_order_relaxed);
}

void set_log_thread_name(std::string name) { thread_name() = std::move(name); }

log_sink set_log_sink(log_sink sink) {
  auto fresh = sink ? std::make_shared<log_sink>(std::move(sink)) : nullptr;
  {
    sink_holder& holder = current_sink();
    const mutex_lock lock(holder.access);
    std::swap(holder.sink, fresh);
  }
  if (const auto told = told_of_changes.load()) {
    told();
  }
  return fresh ? *fresh : log_sink();
}

namespace detail {

void log_to_standard_error(log_level level, std::string_view what, std::initializer_list<log_field> fields) {
  if (!below_threshold(level)) {
    write_to_standard_error(log_line(level, what, fields));
  }
}

bool logs_to_standard_error() { return sink_in_use() == nullptr; }

void when_log_sink_changes(void (*told)() noexcept) noexcept { told_of_changes = told; }

}  // namespace detail

}  // namespace whorl
