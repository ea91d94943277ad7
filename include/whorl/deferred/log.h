// Structured log lines: level, time, thread of origin, what happened, and named values, one line each on standard error.
// The values of log_keys in the context (context.h) of the work that logs come along.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

namespace whorl {

enum class log_level { debug, info, warning, error };

struct log_field {
  std::string_view name;
  std::string value;
};

// Writes one line, whole, with a single write(2):  2026-01-31T12:00:00.123Z warning [loop] what key=value
// Thread: any. Cost: formats into one string; a line below the threshold costs one comparison.
void log(log_level level, std::string_view what, std::initializer_list<log_field> fields = {});

// That line, without its end.
std::string log_line(log_level level, std::string_view what, std::initializer_list<log_field> fields = {});

// Lines below `least` are not written. The default is info; WHORL_LOG=debug|info|warning|error sets it at start.
void set_log_threshold(log_level least) noexcept;

// The name that log lines of the calling thread carry.
void set_log_thread_name(std::string name);

// Where finished lines (without the line end) go instead of standard error; an empty function restores it.
// Returns what stood there before. Thread: any, but the sink itself must be callable from every thread that logs.
using log_sink = std::function<void(log_level, std::string_view line)>;
log_sink set_log_sink(log_sink sink);

namespace detail {

// For threads that must not run a program's sink: writes a line to standard error whatever the sink is.
void log_to_standard_error(log_level level, std::string_view what, std::initializer_list<log_field> fields);

bool logs_to_standard_error();

// To be called by each set_log_sink, on its thread, when the sink is changed. One in all.
void when_log_sink_changes(void (*told)() noexcept) noexcept;

}  // namespace detail

}  // namespace whorl
