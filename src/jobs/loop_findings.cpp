#include "jobs/loop_findings.h"

#include "jobs/job_health.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace whorl {

namespace {

// "source.cpp:40"
std::string place_of(const std::source_location& at) {
  const std::string_view file = at.file_name();
  return fmt::format("{}:{}", file.substr(file.rfind('/') + 1), at.line());
}

value to_value(const stall& seen) {
  value said;
  said.set("call", seen.call).set("at", seen.at).set("doing", seen.doing).set("instead", seen.instead);
  said.set("callback", seen.callback).set("stack", seen.stack).set("times", seen.times);
  said.set("longest_ms", milliseconds_of(seen.longest)).set("total_ms", milliseconds_of(seen.total));
  return said;
}

value to_value(const long_callback& ran) {
  value said;
  said.set("what", ran.name.describe()).set("longest_ms", milliseconds_of(ran.took)).set("times", ran.times);
  return said;
}

value to_value(const blocking_permission& given) {
  value said;
  said.set("reason", given.reason).set("at", place_of(given.given_at));
  said.set("times", given.times).set("excused", given.excused);
  return said;
}

template <class Item>
value list_of(const std::vector<Item>& items) {
  value all{value::list()};
  for (const Item& each : items) {
    all.append(to_value(each));
  }
  return all;
}

}  // namespace

value to_value(const loop_findings& found) {
  value said;
  said.set("watched", found.watched);
  said.set("stalls", list_of(found.stalls));
  said.set("callbacks", list_of(found.longest_callbacks));
  said.set("permissions", list_of(found.permissions));
  return said;
}

}  // namespace whorl
