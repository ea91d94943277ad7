// JSON read by simdjson, which is strict and quick, but does not say where a text goes wrong; so a text that it refuses
// is read a second time by nlohmann's parser, only to find the place.
#include <fmt/format.h>
#include <simdjson.h>
#include <whorl/jobs/value.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

namespace whorl {

namespace {

std::string describe_position(std::string_view json, std::size_t offset) {
  const std::string_view before = json.substr(0, offset);
  const auto line = std::ranges::count(before, '\n') + 1;
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return fmt::format("line {}, column {}", line, offset - line_start + 1);
}

// Notes where nlohmann's parser stops.
struct fault_finder : nlohmann::json_sax<nlohmann::json> {
  std::size_t position = 0;
  std::string found;

  bool null() override { return true; }
  bool boolean(bool /*truth*/) override { return true; }
  bool number_integer(number_integer_t /*number*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*number*/) override { return true; }
  bool number_float(number_float_t /*number*/, const string_t& /*digits*/) override { return true; }
  bool string(string_t& /*text*/) override { return true; }
  bool binary(binary_t& /*bytes*/) override { return true; }
  bool start_object(std::size_t /*size*/) override { return true; }
  bool key(string_t& /*name*/) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t /*size*/) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t at, const std::string& last_token, const nlohmann::json::exception& /*why*/) override {
    position = at;
    found = last_token;
    return false;
  }
};

error syntax_error(std::string_view json, std::string_view complaint) {
  fault_finder finder;
  if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return {errc::bad_input, "no JSON: the text is empty; send an object such as {\"name\": 1}"};
  }
  nlohmann::json::sax_parse(json, &finder);
  if (finder.position == 0) {
    return {errc::bad_input, fmt::format("no JSON: {}; send a text as RFC 8259 describes it", complaint)};
  }
  if (finder.position > json.size()) {
    return {errc::bad_input, "no JSON: it ends too early; close every list, object and text that it opens"};
  }
  constexpr std::size_t longest_quote = 40;
  return {errc::bad_input,
          fmt::format("no JSON at {}, after `{}`: {}; look for a comma, a quote or a bracket too few or too many there",
                      describe_position(json, finder.position - 1), to_text(finder.found.substr(0, longest_quote)),
                      complaint)};
}

error parse_failure(std::string_view json, simdjson::error_code code) {
  switch (code) {
    case simdjson::DEPTH_ERROR:
      return {errc::too_large, fmt::format("the JSON nests deeper than {} levels; flatten it", deepest_value)};
    case simdjson::CAPACITY: return {errc::too_large, "the JSON is larger than 4 GB; send a file instead"};
    case simdjson::MEMALLOC: return {errc::too_large, "no memory for the JSON; send a smaller one"};
    case simdjson::UTF8_ERROR: return {errc::bad_input, "the JSON is no UTF-8; encode it so"};
    default: return syntax_error(json, simdjson::error_message(code));
  }
}

result<value> convert(const simdjson::dom::element& element);

result<value> convert_list(const simdjson::dom::array& items) {
  value::list converted;
  converted.reserve(items.size());
  for (const simdjson::dom::element item : items) {
    result<value> one = convert(item);
    if (!one) {
      return one;
    }
    converted.push_back(std::move(*one));
  }
  return value(std::move(converted));
}

result<value> convert_object(const simdjson::dom::object& members) {
  value::object converted;
  converted.reserve(members.size());
  std::unordered_set<std::string_view> names;
  for (const auto [name, content] : members) {
    if (!names.insert(name).second) {
      return std::unexpected(
          error(errc::bad_input, fmt::format("the JSON has the name {} twice in one object; keep one", to_text(name))));
    }
    result<value> one = convert(content);
    if (!one) {
      return one;
    }
    converted.push_back(value::member(std::string(name), std::move(*one)));
  }
  return value(std::move(converted));
}

result<value> convert(const simdjson::dom::element& element) {
  switch (element.type()) {
    case simdjson::dom::element_type::NULL_VALUE: return value();
    case simdjson::dom::element_type::BOOL: return value(element.get_bool().value_unsafe());
    case simdjson::dom::element_type::INT64: return value(element.get_int64().value_unsafe());
    case simdjson::dom::element_type::UINT64:
      return std::unexpected(error(
          errc::too_large, fmt::format("the JSON has the whole number {}, above 9223372036854775807, the largest that "
                                       "is kept exactly; say it as a decimal number or as a text",
                                       element.get_uint64().value_unsafe())));
    case simdjson::dom::element_type::DOUBLE: return value(element.get_double().value_unsafe());
    case simdjson::dom::element_type::STRING: return value(element.get_string().value_unsafe());
    case simdjson::dom::element_type::ARRAY: return convert_list(element.get_array().value_unsafe());
    case simdjson::dom::element_type::OBJECT: return convert_object(element.get_object().value_unsafe());
  }
  return std::unexpected(error(errc::bad_input, "the JSON holds a kind of value that is not known"));
}

}  // namespace

result<value> parse_value(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::error_code code = parser.allocate(std::max<std::size_t>(json.size(), 1), deepest_value);
  if (code == simdjson::SUCCESS) {
    code = parser.parse(json.data(), json.size()).get(root);
  }
  if (code != simdjson::SUCCESS) {
    return std::unexpected(parse_failure(json, code));
  }
  return convert(root);
}

}  // namespace whorl
