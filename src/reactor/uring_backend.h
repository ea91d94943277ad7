// The back end on io_uring with its sizes chosen, for tests: the kernel's rare cases are common when there is little room.
#pragma once

#include <whorl/reactor/backend.h>

#include <memory>
#include <optional>

#include "reactor/uring_buffers.h"
#include "reactor/uring_ring.h"

namespace whorl {

// `use`: nothing chooses the best that the kernel has.
result<std::unique_ptr<backend>> make_uring_backend(uring_size size, std::optional<buffer_use> use);

}  // namespace whorl
