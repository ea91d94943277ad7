#include <whorl/deferred/gather.h>

#include <fmt/format.h>

namespace whorl::detail {

void seat::dispose() noexcept { group_->member_ended(index_); }

const node* seat::outward() const noexcept { return &group_->whole(); }

void group_base::stop_members(const error& reason) noexcept {
  if (stopping_) {
    return;
  }
  stopping_ = true;
  own();
  for (std::size_t i = 0; i < size(); ++i) {
    if (seat_at(i).underway()) {
      seat_at(i).cancel(reason);
    }
  }
  stopping_ = false;
  disown();
}

void group_base::drop_members() noexcept {
  own();
  for (std::size_t i = 0; i < size(); ++i) {
    if (seat_at(i).underway()) {
      seat_at(i).drop_waited();
      --underway_;
      disown();
    }
  }
  disown();
}

failure all_failed(const std::vector<failure>& failures) {
  std::string text =
      failures.empty() ? "a race needs at least one member" : fmt::format("all {} attempts failed", failures.size());
  for (const failure& why : failures) {
    text += fmt::format("; {}", why.error().what());
  }
  return failure(error(errc::all_failed, std::move(text)));
}

}  // namespace whorl::detail
