#include <whorl/deferred/semaphore.h>

namespace whorl {

void semaphore::permit::release() {
  if (from_ == nullptr) {
    throw misuse("a permit was released twice: it is given back once, by release() or when it dies");
  }
  std::exchange(from_, nullptr)->give_back();
}

deferred<semaphore::permit> semaphore::acquire() {
  if (free_ == 0 || !line_.empty()) {
    return line_.join();
  }
  --free_;
  return succeed(permit(*this));
}

// A permit goes to the first in line without becoming free, so that nobody who comes later can snatch it.
void semaphore::give_back() noexcept {
  if (line_.empty()) {
    ++free_;
  } else {
    line_.serve_first(permit(*this));
  }
}

}  // namespace whorl
