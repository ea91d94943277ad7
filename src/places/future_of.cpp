#include <whorl/places/future_of.h>

namespace whorl::detail {

std::exception_ptr exception_of(const failure& why) noexcept {
  try {
    why.raise();
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace whorl::detail
