#include <whorl/db/session.h>

namespace whorl::db {

namespace {

class failed_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "database"; }
  std::string message(int code) const override {
    switch (static_cast<failed>(code)) {
      case failed::outcome_unknown:
        return "the connection broke before the answer came: it may have been done or not; look, or repeat it if that "
               "does "
               "no harm";
      case failed::not_committed:
        return "the transaction was rolled back instead of committed, because a statement in it had failed; let that "
               "failure out of the function given to transact()";
    }
    return "unknown";
  }
};

}  // namespace

std::error_code make_error_code(failed how) noexcept {
  static const failed_category category;
  return {static_cast<int>(how), category};
}

}  // namespace whorl::db
