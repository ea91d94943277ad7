#include <whorl/deferred/context.h>

namespace whorl {

namespace detail {

namespace {

class log_value final : public context_value<std::string> {
 public:
  log_value(const log_key& key, const context_values* outer, std::string text)
      : context_value(&key, outer, std::move(text)), name_(key.name()) {}

  std::string_view log_name() const noexcept override { return name_; }
  std::string_view log_text() const noexcept override { return value; }

 private:
  std::string_view name_;
};

}  // namespace

// A loop, since a context may be as deep as the work is nested.
void context_values::release(const context_values* shared) noexcept {
  while (shared != nullptr && shared->owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    const context_values* outer = shared->outer_;
    delete shared;
    shared = outer;
  }
}

}  // namespace detail

context context::with(const log_key& key, std::string text) const {
  return context(detail::context_share::adopt(new detail::log_value(key, values_.get(), std::move(text))));
}

}  // namespace whorl
