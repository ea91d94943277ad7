#include <whorl/jobs/unit_system.h>

#include <fmt/format.h>
#include <udunits2.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <thread>
#include <utility>

namespace whorl {

namespace {

// UDUNITS-2 has one set of globals a process, so there may be one unit_system.
std::atomic<bool> in_use{false};

struct exclusive_use {
  exclusive_use() {
    if (in_use.exchange(true)) {
      throw misuse(
          "a second unit_system is made while one lives: UDUNITS-2 keeps its state in globals, and two systems "
          "destroy each other; share one in a lane<unit_system>");
    }
  }
  exclusive_use(const exclusive_use&) = delete;
  exclusive_use& operator=(const exclusive_use&) = delete;
  ~exclusive_use() { in_use = false; }
};

// What UDUNITS-2 said since it was last asked; it would print it otherwise.
thread_local std::string last_message;

__attribute__((format(printf, 1, 0))) int keep_message(const char* format, va_list arguments) {
  std::array<char, 256> text{};
  const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
  if (last_message.empty()) {
    last_message = text.data();
  }
  return length;
}

std::string take_message() {
  std::string message = std::exchange(last_message, {});
  while (!message.empty() && (message.back() == '\n' || message.back() == '.')) {
    message.pop_back();
  }
  return message;
}

struct free_system {
  void operator()(ut_system* system) const noexcept { ut_free_system(system); }
};
struct free_unit {
  void operator()(ut_unit* unit) const noexcept { ut_free(unit); }
};
using unit_handle = std::unique_ptr<ut_unit, free_unit>;

// UDUNITS-2 says why in a global; it must be read before the next call.
std::string describe(ut_status status) {
  switch (status) {
    case UT_UNKNOWN: return "it is not known, or a part of it is not";
    case UT_SYNTAX: return "it is not written as a unit";
    case UT_OPEN_ARG:
    case UT_OPEN_ENV:
    case UT_OPEN_DEFAULT: return "the database cannot be opened";
    case UT_PARSE: return "the database is damaged";
    case UT_OS: return "the operating system refused";
    case UT_MEANINGLESS: return "it has no meaning";
    default: return fmt::format("UDUNITS-2 refuses with status {}", static_cast<int>(status));
  }
}

result<unit_handle> parse(const ut_system* system, std::string_view text) {
  last_message.clear();
  unit_handle unit(ut_parse(system, std::string(text).c_str(), UT_UTF8));
  const ut_status status = ut_get_status();
  const std::string said = take_message();
  if (unit == nullptr) {
    return std::unexpected(error(
        errc::bad_input, fmt::format("unit \"{}\": {}; write a name, a symbol or a product of them as UDUNITS-2 knows "
                                     "it, such as \"degF\", \"m/s\" or \"inch\", and mind capitals{}",
                                     text, describe(status), said.empty() ? "" : " (" + said + ")")));
  }
  return unit;
}

error not_convertible(std::string_view from, std::string_view to) {
  return {errc::bad_input, fmt::format("units \"{}\" and \"{}\" measure different quantities, one cannot be converted "
                                       "to the other; choose two of the same quantity, as \"metre\" and \"inch\"",
                                       from, to)};
}

}  // namespace

struct unit_system::reading {
  exclusive_use sole;
  std::thread::id thread = std::this_thread::get_id();
  std::unique_ptr<ut_system, free_system> system;
};

unit_system::unit_system(const std::string& database) : reading_(std::make_unique<reading>()) {
  ut_set_error_message_handler(&keep_message);
  last_message.clear();
  reading_->system.reset(ut_read_xml(database.empty() ? nullptr : database.c_str()));
  const ut_status status = ut_get_status();
  const std::string said = take_message();
  if (reading_->system == nullptr) {
    throw error(
        errc::bad_input,
        fmt::format("unit database {}: {}{}; install UDUNITS-2 with its data (Debian: libudunits2-data), or name "
                    "the database in UDUNITS2_XML_PATH",
                    database.empty() ? "of the installation" : "\"" + database + "\"", describe(status),
                    said.empty() ? "" : " (" + said + ")"));
  }
}

unit_system::~unit_system() = default;

void unit_system::require_own_thread(std::string_view doing) const {
  if (std::this_thread::get_id() != reading_->thread) {
    throw misuse(
        fmt::format("unit_system::{} is called on another thread than the one that made the unit_system: "
                    "UDUNITS-2 is not thread-safe; go through a lane<unit_system> with defer_to",
                    doing));
  }
}

result<std::shared_ptr<const unit_converter>> unit_system::build(std::string_view from, std::string_view to) {
  for (const std::string_view text : {from, to}) {
    if (result<void> sound = check_unit_text(text); !sound) {
      return std::unexpected(sound.error());
    }
  }
  const result<unit_handle> from_unit = parse(reading_->system.get(), from);
  if (!from_unit) {
    return std::unexpected(from_unit.error());
  }
  const result<unit_handle> to_unit = parse(reading_->system.get(), to);
  if (!to_unit) {
    return std::unexpected(to_unit.error());
  }
  cv_converter* made = ut_get_converter(from_unit->get(), to_unit->get());
  last_message.clear();
  if (made == nullptr) {
    return std::unexpected(not_convertible(from, to));
  }
  return std::shared_ptr<const unit_converter>(new unit_converter(made));
}

result<std::shared_ptr<const unit_converter>> unit_system::make_converter(std::string_view from, std::string_view to) {
  require_own_thread("make_converter");
  const auto known = std::ranges::find_if(cache_, [&](const cached& one) { return one.from == from && one.to == to; });
  if (known != cache_.end()) {
    std::rotate(cache_.begin(), known, known + 1);
    return cache_.front().converter;
  }
  result<std::shared_ptr<const unit_converter>> made = build(from, to);
  if (made) {
    if (cache_.size() == most_cached) {
      cache_.pop_back();
    }
    cache_.insert(cache_.begin(), cached(std::string(from), std::string(to), *made));
  }
  return made;
}

result<std::vector<double>> unit_system::convert(std::vector<double> numbers, std::string_view from,
                                                 std::string_view to) {
  const result<std::shared_ptr<const unit_converter>> converter = make_converter(from, to);
  if (!converter) {
    return std::unexpected(converter.error());
  }
  return (*converter)->convert(std::move(numbers), from, to);
}

void unit_converter::deleter::operator()(cv_converter* made) const noexcept { cv_free(made); }

double unit_converter::convert(double number) const noexcept { return cv_convert_double(made_.get(), number); }

result<std::vector<double>> unit_converter::convert(std::vector<double> numbers, std::string_view from,
                                                    std::string_view to) const {
  for (double& number : numbers) {
    const double converted = convert(number);
    if (!std::isfinite(converted)) {
      return std::unexpected(
          error(errc::bad_input, fmt::format("{} {} has no counterpart in {}: the result is {}; leave "
                                             "the number out",
                                             number, from, to, converted)));
    }
    number = converted;
  }
  return numbers;
}

void unit_converter::convert(std::span<const double> from, std::span<double> to) const {
  if (from.size() != to.size()) {
    throw misuse(
        fmt::format("{} numbers are converted into room for {}; give both the same size", from.size(), to.size()));
  }
  cv_convert_doubles(made_.get(), from.data(), from.size(), to.data());
}

}  // namespace whorl
