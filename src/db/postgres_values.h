// How values go to PostgreSQL and come from it.
#pragma once

#include <whorl/db/rows.h>

#include <postgresql/libpq-fe.h>

#include <string>
#include <vector>

namespace whorl::db::detail {

// Parameters as libpq wants them, which points into this. Numbers and text as text, whose type the server infers.
class postgres_parameters {
 public:
  explicit postgres_parameters(const std::vector<value>& values);
  postgres_parameters(const postgres_parameters&) = delete;
  postgres_parameters& operator=(const postgres_parameters&) = delete;

  int count() const noexcept { return static_cast<int>(starts_.size()); }
  const char* const* starts() const noexcept { return starts_.data(); }
  const int* lengths() const noexcept { return lengths_.data(); }
  const int* formats() const noexcept { return formats_.data(); }

 private:
  std::vector<std::string> numbers_;
  std::vector<const char*> starts_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

column_names names_of(const PGresult* answer);
row row_of(const PGresult* answer, int index, const column_names& names);

}  // namespace whorl::db::detail
