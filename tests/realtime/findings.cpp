// Linked into every program of a build with the real-time sanitizer: where its reports go, since it heeds no log_path.
#include <cstdlib>

extern "C" void __sanitizer_set_report_path(const char* path);

namespace {

[[maybe_unused]] const bool told = [] {
  const char* path = std::getenv("WHORL_FINDINGS");
  if (path != nullptr) {
    __sanitizer_set_report_path(path);  // each process appends its number
  }
  return path != nullptr;
}();

}  // namespace
