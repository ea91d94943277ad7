#include <whorl/deferred/gather.h>

#include <fmt/format.h>

namespace whorl::detail {

node* seat::proceed() noexcept {
  member_ = this->take_waited();
  return group_->member_ended(*this);
}

const node* seat::outward() const noexcept { return &group_->whole(); }

void group_base::stop_members(const error& reason) noexcept {
  if (stopping_) {
    return;
  }
  stopping_ = true;
  own();
  for (seat& each : seats()) {
    if (each.underway()) {
      each.cancel(reason);
    }
  }
  stopping_ = false;
  disown();
}

void group_base::drop_members() noexcept {
  own();
  for (seat& each : seats()) {
    if (each.underway()) {
      each.drop_waited();
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
