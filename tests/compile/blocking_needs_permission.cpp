// A function that waits cannot be called by one that was given no permission.
// error (clang): no matching function for call to 'read_file'
// error (gcc): invalid initialization of reference of type ‘whorl::may_block&’ from expression of type ‘std::string’
#include <whorl/places/may_block.h>

#include <string>

std::string read_file(whorl::may_block& permission, std::string path);

std::string on_the_loop(std::string path) { return read_file(path); }
