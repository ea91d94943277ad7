#include "db/postgres_values.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace whorl::db::detail {

namespace {

// Source: catalog/pg_type.dat. These numbers never change.
enum type : Oid {
  boolean = 16,
  bytes = 17,
  int8 = 20,
  int2 = 21,
  int4 = 23,
  oid = 26,
  float4 = 700,
  float8 = 701,
};

std::string number_text(const value& given) {
  if (const auto* whole = given.find<std::int64_t>()) {
    return fmt::format("{}", *whole);
  }
  const auto* real = given.find<double>();
  return real == nullptr ? std::string() : fmt::format("{}", *real);
}

template <class Number>
Number parsed(const char* text, int length) {
  Number number{};
  std::from_chars(text, text + length, number);
  return number;
}

double real_of(const char* text, int length) {
  const std::string_view said(text, static_cast<std::size_t>(length));
  if (said == "NaN") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (said == "Infinity" || said == "-Infinity") {
    return said.front() == '-' ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  return parsed<double>(text, length);
}

blob blob_of(const char* text) {
  std::size_t length = 0;
  unsigned char* const start = PQunescapeBytea(reinterpret_cast<const unsigned char*>(text), &length);
  const auto* first = reinterpret_cast<const std::byte*>(start);
  blob owned(first, first + length);
  PQfreemem(start);
  return owned;
}

value value_of(const PGresult* answer, int index, int column) {
  if (PQgetisnull(answer, index, column) != 0) {
    return {};
  }
  const char* const text = PQgetvalue(answer, index, column);
  const int length = PQgetlength(answer, index, column);
  switch (PQftype(answer, column)) {
    case type::boolean: return *text == 't';
    case type::int2:
    case type::int4:
    case type::int8:
    case type::oid: return parsed<std::int64_t>(text, length);
    case type::float4:
    case type::float8: return real_of(text, length);
    case type::bytes: return blob_of(text);
    default: return std::string(text, static_cast<std::size_t>(length));
  }
}

}  // namespace

postgres_parameters::postgres_parameters(const std::vector<value>& values)
    : numbers_(values.size()), starts_(values.size()), lengths_(values.size()), formats_(values.size()) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (const auto* text = values[i].find<std::string>()) {
      starts_[i] = text->c_str();
    } else if (const auto* held = values[i].find<blob>()) {
      starts_[i] = held->empty() ? "" : reinterpret_cast<const char*>(held->data());
      lengths_[i] = static_cast<int>(held->size());
      formats_[i] = 1;
    } else if (!values[i].is_null()) {
      numbers_[i] = number_text(values[i]);
      starts_[i] = numbers_[i].c_str();
    }
  }
}

column_names names_of(const PGresult* answer) {
  std::vector<std::string> names;
  for (int column = 0; column < PQnfields(answer); ++column) {
    names.emplace_back(PQfname(answer, column));
  }
  return std::make_shared<const std::vector<std::string>>(std::move(names));
}

row row_of(const PGresult* answer, int index, const column_names& names) {
  std::vector<value> values;
  values.reserve(names->size());
  for (int column = 0; column < PQnfields(answer); ++column) {
    values.push_back(value_of(answer, index, column));
  }
  return {names, std::move(values)};
}

}  // namespace whorl::db::detail
