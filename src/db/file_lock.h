// Who holds a lock on a file, in words.
#pragma once

#include <string>

namespace whorl {

// "process 1234 (whorl serve)", as far as the kernel tells. Reads /proc/locks instead of asking with fcntl(F_GETLK),
// because opening and closing the file would drop the locks that this process itself has on it.
// Source: proc(5), fcntl(2).
std::string describe_lock_holder(const std::string& path);

}  // namespace whorl
