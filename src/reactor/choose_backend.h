// Which back end a reactor gets that asks for none: uring, else epoll; WHORL_BACKEND=uring|epoll overrides.
#pragma once

#include <whorl/reactor/backend.h>

#include <memory>

namespace whorl {

// Throws error if there is no back end, and for a WHORL_BACKEND that names none.
std::unique_ptr<backend> choose_backend();

}  // namespace whorl
