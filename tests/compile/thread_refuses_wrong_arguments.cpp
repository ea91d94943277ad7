// error: the function cannot be called so: its parameters are the lane's object (in a lane), a may_block& (if it waits), a std::stop_token (if it can stop early), and then the arguments, moved
#include <whorl/places/defer_to.h>

#include <string>

int parse(std::string text) { return std::stoi(text); }

whorl::deferred<void> use(whorl::thread_pool& pool) { co_await whorl::defer_to(pool, parse, 1); }
