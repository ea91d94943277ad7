#include "web/routes.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace whorl::web {

namespace {

// The parts between the slashes of "/a/b", one of them empty if the path ends in a slash.
std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    parts.push_back(path.substr(0, path.find('/')));
    path.remove_prefix(parts.back().size());
  }
  return parts;
}

}  // namespace

std::vector<route_table::segment> route_table::parse(std::string_view pattern) {
  std::vector<segment> segments;
  for (const std::string_view part : split(pattern)) {
    if (part.size() > 2 && part.front() == '{' && part.back() == '}') {
      segments.push_back({segment::kind::parameter, std::string(part.substr(1, part.size() - 2))});
    } else {
      segments.push_back({segment::kind::literal, std::string(part)});
    }
  }
  return segments;
}

void route_table::add(std::string_view method, std::string_view pattern, server::handler handle) {
  if (!pattern.starts_with('/')) {
    throw misuse("web::server: the route \"" + std::string(pattern) + "\" does not begin with /; give a whole path");
  }
  const auto kinds = [](const entry& e) {
    std::vector<std::pair<segment::kind, std::string_view>> all;
    for (const segment& s : e.segments) {
      all.emplace_back(s.what, s.what == segment::kind::literal ? std::string_view(s.text) : std::string_view());
    }
    return all;
  };
  auto added = std::make_unique<entry>();
  added->segments = parse(pattern);
  const auto at = std::ranges::lower_bound(entries_, kinds(*added), {}, [&](const auto& e) { return kinds(*e); });
  const bool known = at != entries_.end() && kinds(**at) == kinds(*added);
  if (known && (*at)->segments != added->segments) {
    throw misuse("web::server: the route \"" + std::string(pattern) +
                 "\" is there already with other names for its parameters; use the same names for every method");
  }
  entry& target = known ? **at : **entries_.insert(at, std::move(added));
  if (!target.handlers.emplace(method, std::move(handle)).second) {
    throw misuse("web::server: " + std::string(method) + " " + std::string(pattern) + " has a handler already");
  }
}

bool route_table::fits(const entry& candidate, const std::vector<std::string_view>& path) {
  return std::ranges::equal(candidate.segments, path, [](const segment& s, std::string_view part) {
    return s.what == segment::kind::literal ? s.text == part : !part.empty();
  });
}

std::string route_table::allowed_methods(const entry& of) {
  std::string all;
  for (const auto& [method, handle] : of.handlers) {
    all.append(all.empty() ? "" : ", ").append(method).append(method == "GET" ? ", HEAD" : "");
  }
  return all;
}

result<route_table::match> route_table::find(std::string_view method, std::string_view path) const {
  const std::vector<std::string_view> parts = split(path);
  const auto found = std::ranges::find_if(entries_, [&](const auto& e) { return fits(*e, parts); });
  match made;
  if (found == entries_.end()) return made;
  entry& chosen = **found;
  auto handle = chosen.handlers.find(method);
  if (handle == chosen.handlers.end() && method == "HEAD") handle = chosen.handlers.find("GET");
  made.allowed = allowed_methods(chosen);
  if (handle == chosen.handlers.end()) return made;
  made.handle = &handle->second;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (chosen.segments[i].what == segment::kind::literal) continue;
    auto value = percent_decode(parts[i], plus_sign::means_plus);
    if (!value) return std::unexpected(value.error());
    made.parameters.emplace_back(chosen.segments[i].text, std::move(*value));
  }
  return made;
}

}  // namespace whorl::web
