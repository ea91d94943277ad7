// error: the first argument after the function may not cross to another thread: it holds a char pointer
#include <whorl/places/defer_to.h>

#include <string>

struct unit_system {
  explicit unit_system(std::string path);
};

void make() { whorl::lane<unit_system> lane({.name = "units"}, "units.xml"); }
