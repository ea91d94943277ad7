// error: the function cannot be called so on the loop: its parameters are the arguments, moved, and no may_block&, because the loop may not wait: let it return a deferred instead
#include <whorl/places/blocking_call.h>

#include <string>

std::string read_file(whorl::may_block& permission, std::string path);

std::string use(whorl::may_block& permission, whorl::mailbox loop, std::string path) {
  return whorl::blocking_call_from_thread(permission, loop, read_file, path);
}
