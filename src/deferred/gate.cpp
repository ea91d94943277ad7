#include <whorl/deferred/gate.h>
#include <whorl/deferred/log.h>

#include <cstdlib>
#include <string>

namespace whorl {

gate::pass::pass(gate& inside, std::string_view who) noexcept : inside_(&inside), who_(who) {
  ++inside_->inside_;
  link();
}

gate::pass::pass(pass&& other) noexcept : inside_(nullptr) { *this = std::move(other); }

gate::pass& gate::pass::operator=(pass&& other) noexcept {
  if (this != &other) {
    leave();
    if (other.inside_ != nullptr) {
      other.unlink();
      inside_ = std::exchange(other.inside_, nullptr);
      who_ = other.who_;
      link();
    }
  }
  return *this;
}

gate::pass::~pass() { leave(); }

void gate::pass::leave() noexcept {
  if (inside_ == nullptr) {
    return;
  }
  unlink();
  gate& left = *std::exchange(inside_, nullptr);
  if (--left.inside_ == 0 && left.closed_) {
    left.closers_.serve_all();
  }
}

void gate::pass::link() noexcept {
  before_ = nullptr;
  behind_ = inside_->first_;
  if (behind_ != nullptr) {
    behind_->before_ = this;
  }
  inside_->first_ = this;
}

void gate::pass::unlink() noexcept {
  (before_ == nullptr ? inside_->first_ : before_->behind_) = behind_;
  if (behind_ != nullptr) {
    behind_->before_ = before_;
  }
}

gate::~gate() {
  if (inside_ == 0) {
    return;
  }
  std::string names;
  for (const pass* at = first_; at != nullptr; at = at->behind_) {
    names += names.empty() ? "" : ", ";
    names += at->who_;
  }
  log(log_level::error, "a gate was destroyed with work inside: await close() before", {{"inside", names}});
  std::abort();
}

result<gate::pass> gate::enter(std::string_view who) {
  if (closed_) {
    return std::unexpected(error(errc::closed, std::string(who) + " came to a gate that is closed"));
  }
  return pass(*this, who);
}

deferred<void> gate::close() {
  closed_ = true;
  return inside_ == 0 ? succeed() : closers_.join();
}

}  // namespace whorl
