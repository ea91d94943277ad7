// The routes of a server: which handler a method and a path lead to.
#pragma once

#include <whorl/web/request.h>
#include <whorl/web/server.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::web {

class route_table {
 public:
  // Throws misuse for a pattern that does not begin with /, and for a route that is there already.
  void add(std::string_view method, std::string_view pattern, server::handler handle);

  struct match {
    server::handler* handle = nullptr;  // none: no route, or not for this method
    request::pairs parameters;
    std::string allowed;  // the methods of the path's route; empty: no route
  };
  // Fails: errc::bad_input for a badly encoded parameter.
  result<match> find(std::string_view method, std::string_view path) const;

 private:
  struct segment {
    enum class kind { literal, parameter };
    kind what;
    std::string text;
    bool operator==(const segment&) const = default;
  };
  struct entry {
    std::vector<segment> segments;
    std::map<std::string, server::handler, std::less<>> handlers;  // a handler stays where it is
  };

  static std::vector<segment> parse(std::string_view pattern);
  static bool fits(const entry& candidate, const std::vector<std::string_view>& path);
  static std::string allowed_methods(const entry& of);

  std::vector<std::unique_ptr<entry>> entries_;  // literal segments before parameters
};

}  // namespace whorl::web
