#include <whorl/net/endpoint.h>

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace whorl {

namespace {

std::unexpected<error> fault(std::string_view description, std::string_view what, std::string_view hint) {
  return std::unexpected(error(errc::bad_input, fmt::format("endpoint \"{}\": {}; {}", description, what, hint)));
}

struct field {
  std::optional<std::string> key;
  std::string value;
};

// Cuts a description into its fields.
class field_splitter {
 public:
  explicit field_splitter(std::string_view description) noexcept : description_(description) {}

  result<std::vector<field>> split() {
    fields_.emplace_back();
    while (at_ < description_.size()) {
      if (auto taken = take_one(); !taken) return std::unexpected(taken.error());
    }
    return std::move(fields_);
  }

 private:
  result<void> take_one() {
    field& current = fields_.back();
    const char c = description_[at_++];
    if (c == ':') {
      fields_.emplace_back();
    } else if (c == '=' && !current.key) {
      current.key = std::exchange(current.value, {});
    } else if (c == '\\') {
      return take_escaped();
    } else if (c == '[' && current.value.empty()) {
      return take_bracketed();
    } else {
      current.value += c;
    }
    return {};
  }

  result<void> take_escaped() {
    if (at_ == description_.size()) {
      return fault(description_, "it ends in the middle of an escape", R"(write \\ for one backslash)");
    }
    fields_.back().value += description_[at_++];
    return {};
  }

  result<void> take_bracketed() {
    const std::size_t end = description_.find(']', at_);
    if (end == std::string_view::npos) {
      return fault(description_, "a [ has no ]", R"(close it, or write \[ for the sign itself)");
    }
    fields_.back().value = description_.substr(at_, end - at_);
    at_ = end + 1;
    return {};
  }

  std::string_view description_;
  std::size_t at_ = 0;
  std::vector<field> fields_;
};

struct slot {
  std::string_view name;
  std::string_view alias;
  std::optional<std::string> value;
};

struct endpoint_kind {
  std::string_view name;
  std::string_view form;    // what the hints show
  std::vector<slot> slots;  // fields without a key fill the last of those that are free, in their order
  result<address> (*build)(std::string_view description, std::span<const slot> slots);
};

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (fault != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return port;
}

// An address's error, with the endpoint that it came from.
result<address> named(std::string_view description, result<address> parsed) {
  if (parsed) return parsed;
  return std::unexpected(
      error(parsed.error().code(), fmt::format("endpoint \"{}\": {}", description, parsed.error().what())));
}

result<address> build_tcp(std::string_view description, std::span<const slot> slots) {
  const std::string& digits = *slots[1].value;
  const auto port = parse_port(digits);
  if (!port) {
    return fault(description, fmt::format("port \"{}\" is no number from 0 to 65535", digits),
                 "put an IPv6 address in brackets, and use 0 to listen on any free port");
  }
  return named(description, address::tcp(slots[0].value.value_or("*"), *port));
}

result<address> build_unix(std::string_view description, std::span<const slot> slots) {
  return named(description, address::unix_path(*slots[0].value));
}

const std::vector<endpoint_kind>& endpoint_kinds() {
  static const std::vector<endpoint_kind> kinds = {
      {"tcp",
       "tcp:PORT, tcp:HOST:PORT, tcp:[IPV6]:PORT, tcp:port=PORT:interface=HOST",
       {{"host", "interface", {}}, {"port", "port", {}}},
       build_tcp},
      {"unix", "unix:PATH, unix:path=PATH", {{"path", "path", {}}}, build_unix},
  };
  return kinds;
}

const endpoint_kind* find_kind(std::string_view name) {
  for (const endpoint_kind& kind : endpoint_kinds()) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

result<void> fill_keyed(std::string_view description, const endpoint_kind& kind, std::vector<slot>& slots,
                        field given) {
  for (slot& s : slots) {
    if (*given.key != s.name && *given.key != s.alias) continue;
    if (s.value) {
      return fault(description, fmt::format("field \"{}\" is given twice", *given.key), "give it once");
    }
    s.value = std::move(given.value);
    return {};
  }
  return fault(description, fmt::format("{} has no field \"{}\"", kind.name, *given.key),
               fmt::format(R"(write {}, and \= for a sign that is part of a value)", kind.form));
}

result<void> fill_positional(std::string_view description, const endpoint_kind& kind, std::vector<slot>& slots,
                             std::vector<std::string> given) {
  std::vector<slot*> open;
  for (slot& s : slots) {
    if (!s.value) open.push_back(&s);
  }
  if (given.size() > open.size()) {
    return fault(description, "it has too many fields",
                 fmt::format(R"(write {}, and \: for a colon that is part of a value)", kind.form));
  }
  const std::size_t first = open.size() - given.size();
  for (std::size_t i = 0; i < given.size(); ++i) {
    open[first + i]->value = std::move(given[i]);
  }
  return {};
}

result<std::vector<slot>> fill_slots(std::string_view description, const endpoint_kind& kind,
                                     std::vector<field> fields) {
  std::vector<slot> slots = kind.slots;
  std::vector<std::string> positional;
  for (std::size_t i = 1; i < fields.size(); ++i) {
    if (!fields[i].key) {
      positional.push_back(std::move(fields[i].value));
    } else if (auto filled = fill_keyed(description, kind, slots, std::move(fields[i])); !filled) {
      return std::unexpected(filled.error());
    }
  }
  if (auto filled = fill_positional(description, kind, slots, std::move(positional)); !filled) {
    return std::unexpected(filled.error());
  }
  if (!slots.back().value || slots.back().value->empty()) {
    return fault(description, fmt::format("the {} is missing", slots.back().name), fmt::format("write {}", kind.form));
  }
  return slots;
}

std::string known_kinds() {
  std::string list;
  for (const endpoint_kind& kind : endpoint_kinds()) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", kind.form);
  }
  return list;
}

}  // namespace

result<address> parse_endpoint(std::string_view description) {
  auto fields = field_splitter(description).split();
  if (!fields) return std::unexpected(fields.error());
  const field& name = fields->front();
  const endpoint_kind* kind = name.key ? nullptr : find_kind(name.value);
  if (kind == nullptr) {
    return fault(description, fmt::format("there is no type of endpoint \"{}\"", name.key.value_or(name.value)),
                 fmt::format("write one of {}", known_kinds()));
  }
  auto slots = fill_slots(description, *kind, std::move(*fields));
  if (!slots) return std::unexpected(slots.error());
  return kind->build(description, *slots);
}

std::string quote_endpoint_field(std::string_view value) {
  std::string quoted;
  for (const char c : value) {
    if (c == ':' || c == '=' || c == '\\' || c == '[') quoted += '\\';
    quoted += c;
  }
  return quoted;
}

}  // namespace whorl
