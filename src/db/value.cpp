#include <whorl/db/value.h>

#include <whorl/deferred/error.h>

#include <fmt/format.h>

#include <array>

namespace whorl::db {

double value::real() const {
  const std::int64_t* const number = find<std::int64_t>();
  return number != nullptr ? static_cast<double>(*number) : get<double>("a number");
}

void value::throw_too_large() {
  throw error(errc::bad_input,
              "a parameter is above 9223372036854775807, the largest whole number that a database "
              "holds; give it as text, for a column of a decimal type");
}

void value::throw_other_kind(std::string_view asked) const {
  static constexpr std::array<std::string_view, 5> kinds = {"null", "a whole number", "a real number", "text", "bytes"};
  throw error(errc::bad_input, fmt::format("a column holds {}, and {} was asked for; ask for what it holds, or cast it "
                                           "in the statement",
                                           kinds[held_.index()], asked));
}

}  // namespace whorl::db
