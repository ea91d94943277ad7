#include "db/postgres_error.h"

#include <whorl/db/postgres.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace whorl::db {

namespace {

// An SQLSTATE is five of 36 characters, and so fits in an int.
constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

std::string text_of(int code) {
  std::string five(5, '0');
  for (auto digit = five.rbegin(); digit != five.rend(); ++digit, code /= 36) {
    *digit = digits[static_cast<std::size_t>(code % 36)];
  }
  return five;
}

class postgres_error_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "PostgreSQL"; }
  std::string message(int code) const override { return "SQLSTATE " + text_of(code); }

  std::error_condition default_error_condition(int code) const noexcept override {
    const std::error_code state(code, *this);
    if (state == sqlstate_code("40001") || state == sqlstate_code("40P01")) {
      return std::errc::resource_unavailable_try_again;
    }
    return {code, *this};
  }
};

std::string_view field(const PGresult* of, int which) {
  const char* text = PQresultErrorField(of, which);
  return text == nullptr ? "" : text;
}

std::string one_line(std::string_view text) {
  std::string line(text.substr(0, text.find_last_not_of(" \n") + 1));
  std::ranges::replace(line, '\n', ' ');
  return line;
}

}  // namespace

std::error_code sqlstate_code(std::string_view five) noexcept {
  int code = 0;
  for (const char each : five.substr(0, 5)) {
    const std::size_t digit = digits.find(each);
    code = 36 * code + static_cast<int>(digit == std::string_view::npos ? 0 : digit);
  }
  return {code, postgres_category()};
}

const std::error_category& postgres_category() noexcept {
  static const postgres_error_category category;
  return category;
}

std::string sqlstate(const error& why) {
  return why.code().category() == postgres_category() ? text_of(why.code().value()) : std::string();
}

error postgres_error(const PGresult* failed, std::string_view statement) {
  std::string said = fmt::format("PostgreSQL: {} (SQLSTATE {})", field(failed, PG_DIAG_MESSAGE_PRIMARY),
                                 field(failed, PG_DIAG_SQLSTATE));
  static constexpr std::array<std::pair<int, std::string_view>, 2> further = {
      {{PG_DIAG_MESSAGE_DETAIL, "; "}, {PG_DIAG_MESSAGE_HINT, "; hint: "}}};
  for (const auto& [which, before] : further) {
    if (const auto text = field(failed, which); !text.empty()) {
      said += fmt::format("{}{}", before, text);
    }
  }
  said += fmt::format("; the statement was: {}", statement);
  return {sqlstate_code(field(failed, PG_DIAG_SQLSTATE)), std::move(said)};
}

// What libpq says itself, about a connection that broke, has no severity.
bool is_fatal(const PGresult* failed) noexcept { return field(failed, PG_DIAG_SEVERITY_NONLOCALIZED) != "ERROR"; }

std::string words_of(const PGconn* connection) { return one_line(PQerrorMessage(connection)); }

}  // namespace whorl::db
